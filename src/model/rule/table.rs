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

    JsonStreamMalformed "json-stream.malformed" Error
        "a JSON stream holds something that is not JSON"
        "Progress readers stop with an error in the middle of a pull or build."
        "RFC 8259; Docker Engine API documents: pull, push, build, load, events, stats"
    JsonStreamTruncated "json-stream.truncated" Error
        "a JSON stream ends inside a document"
        "The last message, often the error or the id of the image, is lost."
        "RFC 8259; Docker Engine API documents: pull, push, build, load, events, stats"

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

    HijackNotUpgraded "hijack.not-upgraded" Error
        "an upgrade was asked for and answered with 200"
        "From 1.17 on, a client that sends `Connection: Upgrade` and `Upgrade: tcp` waits for 101; the docker CLI fails with `unable to upgrade to tcp, received 200`."
        "Docker Engine API documents 1.17 and later, ContainerAttach: hijacking"
    HijackUnasked "hijack.unasked" Error
        "101 though no upgrade was asked for"
        "Older clients expect 200 and take 101 for an error or wait for the real answer."
        "RFC 9110 section 15.2.2; Docker Engine API documents, ContainerAttach: hijacking"
    HijackHeaders "hijack.headers" Error
        "101 without `Connection: Upgrade` and `Upgrade`"
        "HTTP libraries check both before they hand over the connection."
        "RFC 9110 section 7.8"
    HijackLength "hijack.length" Error
        "the answer that hands over the connection announces a body"
        "With Content-Length or Transfer-Encoding an HTTP library keeps the connection for itself, and stdin has nowhere to go."
        "Docker Engine API documents, ContainerAttach: hijacking"

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
