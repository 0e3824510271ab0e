//! The table of rules. A new rule is one entry here, one place that judges it, and its two fixtures.

use super::{Entry, Severity};

macro_rules! rules {
    ($($variant:ident $id:literal $severity:ident $title:literal $why:literal $source:literal)*) => {
        /// A rule of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $title] $variant,)*
        }

        impl Rule {
            /// All rules, by area.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$variant => &Entry { id: $id, severity: Severity::$severity, title: $title, why: $why, source: $source },)*
                }
            }
        }
    };
}

rules! {
    HttpStartLine "http.start-line" Error
        "the first line of a message is not HTTP/1"
        "A request line is method, target and version, a status line is version, three digits and a reason. Go answers a bad request line with 400 and gives up on a bad status line; nothing after it can be judged."
        "RFC 9112 sections 3 and 4"
    HttpTargetForm "http.target-form" Note
        "the target of a request is no path"
        "`http://host/path` is written for a proxy, `host:port` for a tunnel. dockerd takes the first for the path in it and has nothing behind the second; what stands between may go to that host instead."
        "RFC 9112 section 3.2"
    HttpFieldSyntax "http.field-syntax" Error
        "a header line is not `Name: value`"
        "A line without a colon, blanks before the colon or a control character in the value make Go's HTTP stack refuse the whole message, and are how requests are smuggled past proxies."
        "RFC 9112 section 5.1, RFC 9110 section 5.5"
    HttpObsoleteFolding "http.obsolete-folding" Warning
        "a header value goes on in the next line"
        "Folding was taken out of HTTP. Some parsers join the lines, some refuse them, some take the second line for a header of its own."
        "RFC 9112 section 5.2"
    HttpBareLf "http.bare-lf" Warning
        "a line of a head ends with LF alone"
        "Lines end with CRLF. Go and curl are lenient, Node and strict proxies are not."
        "RFC 9112 section 2.2"
    HttpLeadingBlankLine "http.leading-blank-line" Warning
        "a blank line stands before the first line of a message"
        "Usually the rest of a body that was longer than its Content-Length. dockerd answers 400."
        "RFC 9112 section 2.2"
    HttpHeadTooLarge "http.head-too-large" Error
        "a head is larger than 1 MiB"
        "dockerd reads no more than 1 MiB of head; other daemons stop at 8 KiB already."
        "Go net/http DefaultMaxHeaderBytes"
    HttpManyFields "http.many-fields" Warning
        "a head has more than 1000 header lines"
        "dockerd takes them; Node, nginx and many other parsers refuse far fewer. Seen when a proxy adds a Via of its own in a loop."
        "RFC 9110 section 5.4"
    HttpBadLength "http.bad-length" Error
        "Content-Length is not a number"
        "The end of the body cannot be known; both peers may disagree where the next message starts."
        "RFC 9110 section 8.6"
    HttpConflictingLength "http.conflicting-length" Error
        "several Content-Length headers that differ"
        "The peers disagree where the body ends: the classic way to smuggle requests. dockerd answers 400."
        "RFC 9112 section 6.3"
    HttpRepeatedLength "http.repeated-length" Warning
        "Content-Length is sent several times with one value"
        "dockerd takes it, strict parsers refuse the message."
        "RFC 9110 section 8.6"
    HttpLengthAndChunked "http.length-and-chunked" Error
        "Content-Length and Transfer-Encoding in one head"
        "A sender must not send both. Receivers that believe the length read chunk headers as content."
        "RFC 9112 section 6.2"
    HttpTransferCoding "http.transfer-coding" Error
        "a transfer coding other than chunked, or chunked that is not last"
        "Go's HTTP stack knows chunked only and answers 501; the end of the body cannot be known."
        "RFC 9112 section 6.1"
    HttpBadChunk "http.bad-chunk" Error
        "the chunked coding is broken"
        "A chunk size that is no hexadecimal number, or data that does not end where its size says. Clients fail with `malformed chunked encoding` or hang."
        "RFC 9112 section 7.1"
    HttpTruncated "http.truncated" Error
        "the connection ended inside a message"
        "Fewer bytes than Content-Length says, no last chunk, or half a head. Go reports `unexpected EOF`; other clients take half an answer for a whole one."
        "RFC 9112 section 8"
    HttpBodyForbidden "http.body-forbidden" Error
        "an answer that cannot have a body announces one"
        "1xx and 204 end with the head and announce no body (HEAD and 304 may announce the length that GET has). A client that believes the head reads the next answer as this one's body; one that waits for the body hangs."
        "RFC 9110 sections 8.6, 15.3.5 and 15.4.5; RFC 9112 section 6.3"
    HttpMissingHost "http.missing-host" Error
        "an HTTP/1.1 request has no Host header, several, or one that is no host"
        "dockerd answers 400. Any host name will do, also on a unix socket."
        "RFC 9112 section 3.2"
    HttpUnexpectedBytes "http.unexpected-bytes" Error
        "the daemon sends bytes that belong to no request"
        "Content behind the end of an answer, or an answer to nothing. Go logs `Unsolicited response` and drops the connection; others take it for the next answer. Seen most often as a body behind the answer to HEAD."
        "RFC 9112 section 9.2"

    RouteNotInVersion "route.not-in-version" Warning
        "the API version in the path does not have this operation"
        "dockerd routes without looking at the version and often answers all the same; other daemons, and older ones, answer 404."
        "Docker Engine API documents of the versions named"
    RouteWrongMethod "route.wrong-method" Error
        "the path exists, but not with this method"
        "dockerd answers 404 `page not found`, podman 405. A 2xx means that this daemon has a route of its own; others refuse the client."
        "Docker Engine API documents"

    PathEncoding "path.encoding" Error
        "the path or query is not validly percent-encoded"
        "A `%` needs two hexadecimal digits behind it. Go answers 400."
        "RFC 3986 section 2.1"

    QueryValue "query.value" Error
        "a query parameter has a value that it cannot have"
        "dockerd takes a bad flag for true, answers 400 or 500 to a bad number, and other daemons do otherwise: what the client meant is lost."
        "Docker Engine API documents: parameters"
    QueryMissing "query.missing" Error
        "a required query parameter is missing"
        "The daemon cannot do what is asked, or does it to something else."
        "Docker Engine API documents: parameters"
    QueryUnknownParameter "query.unknown-parameter" Note
        "a query parameter that this version does not have"
        "Daemons ignore it, so the client does not get what it asked for. A misspelt name looks just like this."
        "Docker Engine API documents, 1.25 and later: open schema model"
    QueryRepeated "query.repeated" Note
        "a query parameter is given more than once"
        "dockerd takes the first, other daemons the last."
        "Go net/url Values.Get"

    HeaderValue "header.value" Error
        "a header has a value that it cannot have"
        "Clients decide by Api-Version, Ostype, X-Docker-Container-Path-Stat and their like; a wrong value makes them choose the wrong way or fail."
        "Docker Engine API documents: headers"
    HeaderMissing "header.missing" Error
        "a header that must be sent is missing"
        "Clients negotiate the version by Api-Version and read the archive's root from X-Docker-Container-Path-Stat; without them they fall back or fail."
        "Docker Engine API documents: headers"

    MediaMissing "media.missing" Error
        "a message with a body has no Content-Type"
        "Generated clients choose the decoder by it and fail with `unsupported content type`."
        "Docker Engine API documents: produces, consumes"
    MediaMismatch "media.mismatch" Error
        "Content-Type is not one that this operation has"
        "A JSON answer labelled text/html, or a request body that is not labelled application/json, which dockerd refuses with 400."
        "Docker Engine API documents: produces, consumes"

    StatusUndocumented "status.undocumented" Error
        "the operation does not have this status"
        "Clients switch on the status: 200 for 201, 404 for 409 or 500 for 304 sends them down the wrong branch."
        "Docker Engine API documents: responses"

    SchemaNotJson "schema.not-json" Error
        "the body is not one JSON document"
        "Broken JSON, or something behind the end of the document."
        "RFC 8259"
    SchemaEmpty "schema.empty" Error
        "the body is empty where a document is due"
        "Clients decode the body and fail with `unexpected end of JSON input`; dockerd answers 400 or 500 to a request without its body."
        "Docker Engine API documents: responses"
    SchemaUnexpectedBody "schema.unexpected-body" Error
        "there is a body where none is due"
        "Clients that do not read it lose the connection or read it as the next answer."
        "Docker Engine API documents: responses"
    SchemaMissingMember "schema.missing-member" Error
        "a member that is always sent is missing"
        "The commonest fault of all: dockerd always sends the member, so nobody checks for it; clients get undefined, nil or a KeyError."
        "Docker Engine API Go types: members without omitempty"
    SchemaNull "schema.null" Error
        "null where the daemon never sends null"
        "null for [] or {} breaks every loop over it. dockerd sends null for some members only, and the schema names them."
        "Docker Engine API documents and Go types"
    SchemaType "schema.type" Error
        "a value has the wrong JSON type"
        "Typed clients fail to decode the whole answer: `cannot unmarshal string into Go struct field`."
        "Docker Engine API documents and Go types"
    SchemaEnum "schema.enum" Error
        "a value is not one of those that the member can have"
        "Clients switch over the value; Rust and Swift clients fail to decode an unknown one."
        "Docker Engine API documents: enum"
    SchemaFormat "schema.format" Error
        "a text does not have its form"
        "An id that is not 64 hexadecimal digits, a digest without its algorithm, a time that is not RFC 3339: clients cut, compare and parse them."
        "Docker Engine API documents; RFC 3339"
    SchemaRange "schema.range" Error
        "a number or length is out of its bounds"
        "Typed clients overflow or refuse, and loops over lists of fixed length run out of them."
        "Docker Engine API documents: minimum, maximum"
    SchemaShape "schema.shape" Error
        "a value or a member's name does not have the shape that it can have"
        "A port that is not written `80/tcp`, or a member that took several shapes in history and has yet another one here."
        "Docker Engine API documents"
    SchemaColumns "schema.columns" Error
        "the rows of a process list do not fit its titles"
        "Clients look up a column by the place of its title, and run out of the row or read the wrong field. Seen as the lines of ps that were never split."
        "Docker Engine API documents, ContainerTop; moby/moby daemon/top_unix.go"
    SchemaNetworks "schema.networks" Warning
        "a container has an address, but no network"
        "Compose, Traefik and the SDKs read addresses from Networks and find the container on none."
        "Docker Engine API documents 1.21 and later, ContainerInspect; moby/moby daemon/inspect.go"
    SchemaUnknownMember "schema.unknown-member" Note
        "a member that no version of the API has here"
        "Legal, as objects are open; worth a look, since a misspelt member looks just like this."
        "Docker Engine API documents, 1.25 and later: open schema model"

    VersionTooNew "version.too-new" Note
        "something that only newer API versions have"
        "Daemons send newer members to older clients; a client that sends one is not heard."
        "Docker Engine API documents of the versions named"
    VersionRemoved "version.removed" Note
        "something that this API version no longer has"
        "Daemons go on sending old members for a while; a client that relies on one breaks one day."
        "Docker Engine API documents of the versions named"

    VersionDisagree "version.disagree" Error
        "the daemon says different things of its own versions"
        "Clients negotiate by `Api-Version` of /_ping and by `ApiVersion` of /version, whichever they ask first; where the two differ, one half of them uses a version that the daemon does not mean."
        "Docker Engine API documents, SystemPing and SystemVersion; moby/moby daemon/server/middleware/version.go"

    VersionUnsupported "version.unsupported" Note
        "a client asks for a version, or by a version, that the daemon does not have"
        "A client with a fixed version breaks when the daemon is older or much newer; the range is in /version, and Api-Version of /_ping says up to where. A 404 for an operation that the version lacks is easily taken for an unknown object."
        "Docker Engine API documents: versioning, SystemPing and SystemVersion; moby/moby daemon/server/middleware/version.go"

    StatusNotFound "status.not-found" Error
        "something that is not there is answered with another status than 404"
        "The docker CLI pulls an image when create answers 404, and fails at any other status."
        "Docker Engine API documents, ContainerCreate: 404 no such image"

    StatusConflict "status.conflict" Error
        "a conflict is answered with a server error"
        "Clients that clean up go on at 409, and give up at 500."
        "Docker Engine API documents, ImageDelete: 409; moby/moby daemon/images/image_delete.go"
    StatusRefusedValue "status.refused-value" Error
        "a value that the API has is refused"
        "`docker run` always sends a condition with wait, docker-py a tail with logs; a daemon that does not know the value fails every such call."
        "Docker Engine API documents: ContainerWait condition, ContainerLogs tail, ContainerCreate User"
    StatusCrash "status.crash" Warning
        "an error answer tells of a crash in the daemon's own code"
        "An index out of range or a nil pointer is no answer to what was asked; the same call is likely to fail for every client. Often a form of the request that the daemon's author never met, such as filters as a map, or a negative limit."
        "RFC 9110 section 15.6.1; Go runtime errors"

    StateExitCode "state.exit-code" Error
        "two answers give one run of a container two exit codes"
        "`docker run` exits with what wait said, scripts read inspect; where they differ a failed job is green."
        "Docker Engine API documents, ContainerWait and ContainerInspect"
    StateStillRunning "state.still-running" Error
        "wait has answered, and inspect still says that the container runs"
        "Clients remove the container next and get 409, or poll for ever."
        "Docker Engine API documents, ContainerWait: blocks until the container stops"
    StateLostId "state.lost-id" Error
        "an id that was unknown is known again"
        "A client that was told 404 takes the container for removed; ids are never used twice."
        "Docker Engine API documents: 404 no such container"
    StateNotModified "state.not-modified" Warning
        "a start or stop that did nothing is answered with 204"
        "Tools that count or announce changes (compose, Ansible) report one that never was."
        "Docker Engine API documents 1.13 and later, ContainerStart and ContainerStop: 304"
    StateNotRunning "state.not-running" Warning
        "a container that does not run is killed, or gets an exec"
        "Clients rely on 409 to find out that the container is over; they wait for output that never comes."
        "Docker Engine API documents, ContainerKill and ContainerExec: 409 container is not running"
    StateDisagree "state.disagree" Warning
        "list and inspect say different things of one container"
        "`docker ps` and what reads inspect show different ports or states; service discovery uses the one or the other."
        "Docker Engine API documents, ContainerList and ContainerInspect"

    StateNetworkUnknown "state.network-unknown" Warning
        "a container is on a network that the list of networks does not have"
        "Clients look up the network by the name that inspect gives, and get 404."
        "Docker Engine API documents, ContainerInspect and NetworkList"
    StateHealth "state.health" Warning
        "a container with a health check runs without a state of health"
        "compose and testcontainers wait for `healthy` in State.Health, and fail or wait for ever where it is missing."
        "Docker Engine API documents 1.24 and later, ContainerInspect; moby/moby daemon/health.go"
    StateFilters "state.filters" Warning
        "a list, log or stream of events holds what was not asked for"
        "Tools that remove or stop all containers with a label do so to what the daemon lists."
        "Docker Engine API documents, ContainerList: limit, filters; ContainerLogs: tail; SystemEvents: filters"
    StateEventReplay "state.event-replay" Warning
        "events from before the call are sent, though none were asked for"
        "Clients take them for news and act on containers that are gone."
        "Docker Engine API documents, SystemEvents: since; moby/moby daemon/events/events.go"
    StateEventOrder "state.event-order" Warning
        "the time of events falls"
        "Clients that go on from the last time they saw get events twice, or miss some."
        "Docker Engine API documents, SystemEvents: time"
    StateEventMissing "state.event-missing" Warning
        "a call succeeds, later events come, and none of its kind does"
        "Whoever follows the events, Traefik and compose among them, does not learn of the container, or keeps one that is gone."
        "Docker Engine API documents, SystemEvents: start, destroy"
    StateStatsRelation "state.stats-relation" Warning
        "`precpu_stats` of a sample is not `cpu_stats` of the one before"
        "The processor's share is the difference of the two: `docker stats` shows nonsense."
        "Docker Engine API documents, ContainerStats; moby/moby daemon/stats.go"

    TimingLateHead "timing.late-head" Warning
        "the head of an answer that comes at once comes late"
        "`docker run` waits for the head of attach, and of wait, before it starts the container; a daemon or proxy that holds it back until there is output hangs for ever."
        "Docker Engine API documents, ContainerAttach, and 1.30 and later ContainerWait; dockerd flushes the heads of events and followed logs, too"
    TimingAttachOpen "timing.attach-open" Warning
        "an attach stream goes on after its container has ended"
        "The client cannot learn that it is over; `docker run` does not return."
        "Docker Engine API documents, ContainerAttach: the stream ends with the container"
    TimingWaitOpen "timing.wait-open" Warning
        "wait goes on after the container has ended"
        "`docker run` does not return: whoever waits has no other way to learn of the end."
        "Docker Engine API documents, ContainerWait: blocks until the container stops"
    TimingExecOpen "timing.exec-open" Note
        "an exec's stream goes on after the exec has ended"
        "testcontainers and others read to the end of the stream and hang. dockerd does so, too, where a process in the background keeps the output open: hence a note."
        "Docker Engine API documents, ExecStart and ExecInspect"

    JsonStreamMalformed "json-stream.malformed" Error
        "a JSON stream holds something that is not JSON"
        "Progress readers stop with an error in the middle of a pull or build."
        "RFC 8259; Docker Engine API documents: pull, push, build, load, events, stats"
    JsonStreamTruncated "json-stream.truncated" Error
        "a JSON stream ends inside a document"
        "The last message, often the error or the id of the image, is lost."
        "RFC 8259; Docker Engine API documents: pull, push, build, load, events, stats"

    JsonStreamEmpty "json-stream.empty" Note
        "a stream of samples ends without one"
        "A client that waits for the first sample gets none; dockerd sends zeros for a container that does not run. Right only where the container was removed at that moment."
        "Docker Engine API documents, ContainerStats; moby/moby daemon/stats.go"

    FrameStreamType "frame.stream-type" Error
        "the first byte of a frame header is no stream number"
        "Clients stop with `Unrecognized input header: 84`. Most often the stream is not framed at all, or the frame before has a wrong length."
        "Docker Engine API documents, ContainerAttach: stream format"
    FramePadding "frame.padding" Error
        "bytes 1 to 3 of a frame header are not zero"
        "Strict clients refuse the stream; for others they are a sign that the length begins in the wrong byte, or that the header was not cleared."
        "Docker Engine API documents, ContainerAttach: stream format"
    FrameLength "frame.length" Error
        "the length in a frame header is not the length of its payload"
        "The client cuts the text in the wrong place and takes text for the next header. Seen as a length of zero before text, as one byte short of a line, or in little-endian order, which looks like a frame of many megabytes."
        "Docker Engine API documents, ContainerAttach: stream format"
    FrameTruncated "frame.truncated" Error
        "the stream ends inside a frame"
        "The last output of a container is lost, or the client hangs waiting for it."
        "Docker Engine API documents, ContainerAttach: stream format"

    FrameUnrequestedStream "frame.unrequested-stream" Error
        "a frame of a stream that was not asked for"
        "A client that asked for stdout alone mixes stderr into it. Errors of the daemon itself (stream 3) are always allowed."
        "Docker Engine API documents: ContainerAttach and ContainerLogs, stdout and stderr; ContainerExec, AttachStdout and AttachStderr"
    FrameHttpAnswer "frame.http-answer" Error
        "an HTTP answer stands in the middle of a framed stream"
        "The daemon made up its mind to fail after it had handed over the stream. Clients stop with `Unrecognized input header: 72`, and nobody reads the error."
        "Docker Engine API documents, ContainerAttach: stream format; RFC 9110 section 15.2.2"

    HijackNotUpgraded "hijack.not-upgraded" Error
        "an upgrade was asked for and answered with 200"
        "From 1.17 on, a client that sends `Connection: Upgrade` and `Upgrade: tcp` waits for 101; the docker CLI fails with `unable to upgrade to tcp, received 200`."
        "Docker Engine API documents 1.17 and later, ContainerAttach: hijacking"
    HijackUnasked "hijack.unasked" Error
        "101 though no upgrade was asked for"
        "Older clients expect 200 and take 101 for an error or wait for the real answer."
        "RFC 9110 section 15.2.2; Docker Engine API documents, ContainerAttach: hijacking"
    HijackHeaders "hijack.headers" Error
        "101 without `Connection: Upgrade` and `Upgrade`, or to another protocol"
        "HTTP libraries check both before they hand over the connection. Attach and exec switch to tcp and to nothing else: a daemon that repeats what it was offered promises a protocol that it does not speak."
        "RFC 9110 section 7.8; dockerd 20.10.24 asked at 1.41"
    HijackLength "hijack.length" Error
        "the answer that hands over the connection announces a body"
        "With Content-Length or Transfer-Encoding an HTTP library keeps the connection for itself, and stdin has nowhere to go."
        "Docker Engine API documents, ContainerAttach: hijacking"

    HijackEarlyBytes "hijack.early-bytes" Note
        "the client sends stdin before the connection is handed over"
        "What comes in one piece with an attach request is dropped by dockerd, what comes a moment later is not: whether the container gets it is chance. Clients wait for the answer's head."
        "dockerd 20.10.24 asked at 1.41; RFC 9110 section 7.8"
    HijackHalfAsked "hijack.half-asked" Note
        "the upgrade is asked for by half, or to something else"
        "dockerd takes any Upgrade header for the question; other daemons and the proxies in between want both, and answer with an ordinary body that nobody can write stdin to."
        "RFC 9110 section 7.8; Docker Engine API documents 1.17 and later, ContainerAttach: hijacking"
    HijackNotAsked "hijack.not-asked" Note
        "a client that wants to send stdin does not ask for the upgrade"
        "dockerd hands the connection over all the same; proxies between the two cannot know that it is no longer HTTP, and keep stdin."
        "Docker Engine API documents 1.17 and later, ContainerAttach: hijacking"

    WebsocketKey "websocket.key" Error
        "Sec-WebSocket-Key is not base64 of 16 bytes"
        "The server's proof that it speaks WebSocket is made of it; strict servers answer 400."
        "RFC 6455 section 4.1, item 7"
    WebsocketVersion "websocket.version" Error
        "Sec-WebSocket-Version is not 13"
        "13 is the only version that there is; servers answer 400 or 426."
        "RFC 6455 section 4.1, item 9"
    WebsocketAccept "websocket.accept" Error
        "Sec-WebSocket-Accept does not fit the client's key"
        "Browsers and WebSocket libraries close the connection at once."
        "RFC 6455 sections 4.1 and 4.2.2"
    WebsocketNegotiation "websocket.negotiation" Error
        "the answer chooses a subprotocol or extension that was not offered"
        "Clients must fail the connection; those that do not would read frames by rules that they do not know."
        "RFC 6455 section 4.1"
    WebsocketMasking "websocket.masking" Error
        "a frame of the client is not masked, or one of the daemon is"
        "The peer must close the connection: dockerd answers an unmasked frame with 1002, browsers fail at a masked one."
        "RFC 6455 section 5.1"
    WebsocketReservedBits "websocket.reserved-bits" Error
        "a reserved bit is set, though no extension was negotiated"
        "The peer must fail the connection. Usually the bytes are no frame header at all, or compressed without having asked."
        "RFC 6455 section 5.2"
    WebsocketOpcode "websocket.opcode" Error
        "a frame has an opcode that does not exist"
        "The peer must fail the connection. Often a sign that raw output was written into the socket without frames."
        "RFC 6455 section 5.2"
    WebsocketControlFrame "websocket.control-frame" Error
        "a close, ping or pong frame is fragmented or too long"
        "Control frames come in one piece of at most 125 bytes; peers fail the connection at any other."
        "RFC 6455 section 5.5"
    WebsocketFragmentation "websocket.fragmentation" Error
        "frames of a message are not in order"
        "A continuation of nothing, or a new message before the last frame of the one before: clients fail the connection or join the wrong pieces."
        "RFC 6455 section 5.4"
    WebsocketLength "websocket.length" Error
        "a frame's length is not encoded in the shortest way, or impossible"
        "Strict parsers refuse it. A length with the highest of 64 bits set can never be right; where the next frame begins is then lost."
        "RFC 6455 section 5.2"
    WebsocketDataType "websocket.data-type" Error
        "data messages do not have the type that this version has"
        "Text below 1.28, binary from then on. Browser code reads a string or a blob, and breaks on the other; output that is not UTF-8 closes a connection of text."
        "Docker Engine API change log, 1.28; dockerd 20.10.24 asked at 1.18 to 1.41"
    WebsocketUtf8 "websocket.utf8" Error
        "a text message is not UTF-8"
        "The peer must fail the connection with 1007. What a container prints below 1.28 is not held against the daemon: dockerd sends it as it is."
        "RFC 6455 sections 5.6 and 8.1"
    WebsocketCloseCode "websocket.close-code" Error
        "the payload of a close frame is not a code that may be sent, and a reason"
        "Browsers report 1002 or 1006 and the reason is lost."
        "RFC 6455 sections 5.5.1 and 7.4"
    WebsocketAfterClose "websocket.after-close" Error
        "data follows a close frame"
        "Nobody reads it: for the peer the connection is over."
        "RFC 6455 section 5.5.1"
    WebsocketTruncated "websocket.truncated" Error
        "the stream ends inside a frame or message"
        "The last output of a container is lost, and the client cannot tell how much."
        "RFC 6455 section 5.2"
    WebsocketNoClose "websocket.no-close" Note
        "the daemon ends the connection without a close frame"
        "Clients report 1006, abnormal closure, and cannot tell the end of the container from a broken network. dockerd sends 1000."
        "RFC 6455 sections 7.1.1 and 7.1.5"

    TarNotAnArchive "tar.not-an-archive" Error
        "the body is not a tar archive"
        "dockerd fails with `unexpected EOF` or `invalid tar header`, for load even behind a 200. Often a Dockerfile or a plain file that was sent as it is."
        "POSIX.1-2001 pax, ustar interchange format; dockerd 20.10.24 asked at 1.41"
    TarCompressed "tar.compressed" Error
        "the daemon's archive is compressed"
        "Only what a client sends may be: `docker cp` and the SDKs read a plain tar."
        "Docker Engine API documents: ContainerArchive, ContainerExport, ImageGet"
    TarCompression "tar.compression" Error
        "the compressed archive is broken"
        "The daemon fails with `unexpected EOF` or `gzip: invalid checksum`, or uses the part that it could read."
        "RFC 1952"
    TarChecksum "tar.checksum" Error
        "the checksum of a tar header is wrong"
        "Readers stop with `invalid tar header`. Most often the size of the entry before is not that of its content."
        "POSIX.1-2001 pax, ustar interchange format"
    TarMagic "tar.magic" Warning
        "a tar header has a magic of no known form"
        "dockerd takes it for the oldest form and ignores long names; other readers refuse it."
        "POSIX.1-2001 pax, ustar interchange format; GNU tar manual, basic tar format"
    TarNumber "tar.number" Error
        "a number of a tar header cannot be read"
        "Mode, owner, size and time are octal, or in base 256 when they are too large for that. Go stops with `invalid tar header`."
        "POSIX.1-2001 pax, ustar interchange format; GNU tar manual, basic tar format"
    TarExtendedHeader "tar.extended-header" Error
        "an extended tar header is broken or belongs to no entry"
        "Long names and large sizes are in it; readers stop with `invalid tar header`."
        "POSIX.1-2001 pax, extended header"
    TarLoneZeroBlock "tar.lone-zero-block" Error
        "a single block of zeros stands between the entries of an archive"
        "GNU tar warns of a lone zero block and stops, Go fails: what is behind it is lost."
        "POSIX.1-2001 pax, ustar interchange format; dockerd 20.10.24 asked at 1.41"
    TarNoEnd "tar.no-end" Warning
        "an archive does not end with two blocks of zeros"
        "dockerd does not mind; other readers warn, wait for more or take the archive for a broken one, since it cannot be told from one that was cut."
        "POSIX.1-2001 pax, ustar interchange format"
    TarTrailingBytes "tar.trailing-bytes" Warning
        "something other than zeros stands behind the end of an archive"
        "Nobody reads it. Two archives were joined, or the body goes on with something else."
        "POSIX.1-2001 pax, ustar interchange format"
    TarTruncated "tar.truncated" Error
        "an archive ends inside a header or file"
        "dockerd fails with `unexpected EOF`; clients keep half a file."
        "POSIX.1-2001 pax, ustar interchange format"
    TarLinkTarget "tar.link-target" Note
        "X-Docker-Container-Path-Stat names a link target for what is no link"
        "dockerd leaves it empty, podman names the path itself. The docker CLI looks at it for links only."
        "dockerd 20.10.24 asked at 1.41; moby/moby daemon/archive.go"
    TarPathStat "tar.path-stat" Error
        "X-Docker-Container-Path-Stat does not fit the first entry of the archive"
        "`docker cp` decides by the header whether it writes a file, a directory or a link, and renames the entries by its name."
        "Docker Engine API documents, ContainerArchive; moby/moby daemon/archive.go"

    AuthNotBase64 "auth.not-base64" Error
        "a credentials header is not base64"
        "dockerd ignores it or answers 400; the pull then goes on without the credentials."
        "RFC 4648 section 5; Docker Engine API documents: authentication"
    AuthStandardAlphabet "auth.standard-alphabet" Warning
        "a credentials header uses `+` and `/`"
        "The header is base64url. dockerd refuses the standard alphabet, and whether a password has these characters is chance."
        "RFC 4648 section 5; Docker Engine API documents: authentication"
    AuthUnpadded "auth.unpadded" Warning
        "a credentials header has no padding"
        "dockerd's decoder wants the `=` at the end; a pull goes on without the credentials."
        "RFC 4648 section 5; Docker Engine API documents: authentication"
    AuthNotJson "auth.not-json" Error
        "a credentials header does not hold JSON"
        "It decodes, but not to the document that the API asks for."
        "Docker Engine API documents: authentication"
}
