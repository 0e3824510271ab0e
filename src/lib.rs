//! plimsoll: a protocol-compliance testing proxy for the Docker Engine API.
//!
//! The load line on a ship's hull tells at a glance whether she is safely laden. plimsoll tells whether a Docker client or daemon keeps to
//! the Docker Engine API: it stands between the two, passes every byte on unchanged, and judges each exchange by the API version that it uses.
//!
//! # Tenets, ranked
//!
//! 1. **Transparent.** In observe mode not one byte is changed, withheld until parsed, reordered or dropped. A connection that plimsoll
//!    cannot understand still works.
//! 2. **Exact.** A violation names rule, side, place, expected, actual and evidence. What could not be judged is `not-inspected` with its
//!    reason, and a run that inspected nothing is never green.
//! 3. **True to real daemons.** Where document and dockerd disagree, dockerd's long-standing behaviour is right and the schema says so in an
//!    erratum with its source.
//! 4. **One judge.** The live proxy, `check` and the tests go through the same code and say the same thing.
//! 5. **Fast and flat.** Looking costs a reference count. Memory does not grow with body size, stream length or time.
//!
//! # Floors
//!
//! A file imports only from lower floors, or from its own module; a test sees to it.
//!
//! ```text
//! 5  cli        what was typed                 run         a file a subcommand
//! 4  proxy      listen, dial, relay, tap       probe       client, scenarios, scorecard
//!    config     plimsoll.toml
//!    replay     a recording as daemon, as client
//!    snapshot   normalised exchanges, played and compared
//! 3  inspect    the judge                      reference   the built-in backend
//! 2  report     tally, terminal, JSON Lines    transcript  reading and writing recordings    redact  what masks secrets
//! 1  wire       heads, bodies, frames, tar …   catalog     operations, routes, schemas by version
//! 0  model      versions, rules, events        error       our own failures, exit codes
//! ```
//!
//! # The way of one exchange
//!
//! 1. `proxy/relay.rs` reads, pushes the bytes to the judge, writes them on, and wakes the judge: the stamp comes before the write, so that no
//!    answer is judged before its request, and the look after it, so that no peer waits for it.
//! 2. [`inspect`] takes the bytes of all connections in the order of their stamps. `wire` makes heads, bodies, frames and documents of them, with
//!    flaws where something is wrong; parsing never fails.
//! 3. [`catalog`] knows the operation by method and path, and its contract at the version: the path's prefix, else what the daemon announced.
//! 4. A request's findings wait for the status: what the daemon refused with 4xx, or in the stream behind a 200, is not reported again. Then
//!    status, headers, media type and body of the answer are judged, and after a hijack every frame as it passes.
//! 5. `inspect/state.rs` takes what came of each exchange and holds it against the others: only what cannot all be true is said.
//! 6. Each finding leaves as an [`model::Event`]; every report is a fold over the events.
//!
//! # Enforce mode
//!
//! `--mode enforce` swaps the last two steps: `proxy/enforce.rs` asks ([`inspect::Inspector::ask`]) before it writes, and `inspect/connection/gate.rs` says how far
//! the bytes may go on. Requests and bounded answers are held until they are judged; streams go on document by document and frame by frame. The
//! judge takes the same steps over the same bytes, so that it says the same in both modes.
//!
//! # The built-in backend
//!
//! [`mod@reference`] is what is judged, so that it shares no code with the judge. `reference/server.rs` speaks HTTP with hyper and takes a connection out of its hands
//! for a hijack; a part for each tag of the API (`container`, `image` …) answers over one plain state behind one lock; `program` simulates processes over
//! the file systems of `files`; `fault` spoils an answer that was right.
//!
//! # Secrets
//!
//! The schema files say what is secret ([`catalog::Mask`]); [`redact`] puts aliases of the same length in its place, before the judge looks at it and before
//! it is recorded. Whoever makes a finding or a report need not think of it.
//!
//! # Where the code departs from the first plan, and why
//!
//! - The built-in backend takes from the schema files which version has which member (`reference/shape.rs`), beside the routes. 56 versions by hand would be as many
//!   copies of the same facts; what a member holds, and whether it is null or left out, is its own knowledge, and recordings of a real dockerd hold the schema
//!   files to the truth.
//! - A rule over several exchanges fires on a contradiction only, never on what is unlikely: others may be at the daemon beside plimsoll.
//! - The `wire` decoders name the broken [`model::Rule`] themselves: a second enumeration of the same flaws, one floor up, said nothing new.
//! - `$ref` is resolved while projecting, not by the validator: definitions are small and never recursive, and siblings of a reference can
//!   then extend it.
//! - The JSON Lines report gives an exchange's line after its violations: a violation in an endless stream is worth knowing before the stream ends.
//! - The judge is one for all connections: what one connection created (a container with a TTY) is then known before another uses it.
//! - Redaction has a module of its own beside `transcript`: the judge and the recording share it, and it needs `wire` and `catalog` alike.
//! - Most bodies are correct, and building a document of each costs ten times what looking costs: `catalog/checker` accepts a correct body in one pass over its
//!   bytes. It can only say yes or nothing; `jsonschema` stays the authority, and a property test holds the two together.
//! - `plimsoll.toml` is read into arguments and parsed by clap (`config`): the file and the command line cannot have different options, defaults or errors.
//! - The judge has a thread of its own. Inline it would make the next read late, and what the daemon wrote apart, the head of a hijack and the
//!   first frame, would more often reach the client in one piece; docker-py loses the frame then, as it does now and then without any proxy.
//!   Back-pressure holds when more than a megabyte waits for it.
//!
//! # A reading route
//!
//! `model/event.rs` (what the tool says) → `schemas/container/ContainerWait.json` (what it knows) → `wire/frames.rs` (the smallest decoder) →
//! `inspect/connection/daemon.rs` (the judge at work) → `inspect/state/container.rs` (what cannot all be true) → `proxy/relay.rs` (the plumbing) →
//! `report/terminal.rs` → `reference/container/kill.rs` (one operation of the built-in backend).
//!
//! # Words
//!
//! *client*, *daemon*: the two peers. *connection*: a client connection and the daemon connection that belongs to it. *exchange*: one request and
//! its responses, with the raw tail after a hijack. *operation*: a documented call. *flaw*: something wrong in bytes. *violation*: a flaw or defect,
//! reported. *epoch*: an interval of versions with the same projection of a schema.

pub mod catalog;
pub mod cli;
pub mod config;
pub mod error;
pub mod inspect;
pub mod model;
pub mod probe;
pub mod proxy;
pub mod redact;
pub mod reference;
pub mod replay;
pub mod report;
pub mod run;
pub mod snapshot;
pub mod transcript;
pub mod wire;
