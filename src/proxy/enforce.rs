//! One connection in enforce mode: nothing goes on before the judge has had its say.
//!
//! What a side sends is taken by the judge step by step and kept until it is decided; then the very bytes go on. One exchange at a time: the client's
//! next request waits for the answer under way, so that an answer of plimsoll's own comes in its turn. It never changes a byte that it passes on,
//! and never opens a second connection to the daemon.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::Tap;
use super::refuse::{self, Reply, words};
use super::relay::Trouble;
use crate::inspect::{Denial, EnforcePolicy, Objection, Ruling};
use crate::model::{Enforcement, Side};
use crate::wire::StreamEnd;

/// One read.
const READ: usize = 64 << 10;
/// While more than this waits to be written, its other end is not read.
const QUEUE: usize = 256 << 10;
/// A daemon that sends a head and then nothing means something by it: so long its head is held back at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection between two peers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turnstile<'a> {
    pub(super) number: u64,
    pub(super) tap: &'a Tap,
    pub(super) policy: &'a EnforcePolicy,
    pub(super) trouble: &'a Trouble<'a>,
    /// The client can tell an end from a break.
    pub(super) ends_in_words: bool,
}

/// One direction: from what is read to what is to be written.
#[derive(Debug, Default)]
struct Way {
    read: BytesMut,
    /// Read, and not taken by the judge yet.
    pending: Bytes,
    /// Taken, and not decided yet.
    held: BytesMut,
    /// How much went on, or was dropped, before `held`.
    passed: u64,
    /// Decided, to be written.
    out: BytesMut,
    /// The reader's end, until the judge knows.
    end: Option<StreamEnd>,
    /// The reader has ended, and how.
    ended: Option<StreamEnd>,
    /// The last bytes written are not known to have reached the system: TLS keeps a record that it did not take at once.
    unflushed: bool,
    /// The writer was told so, or takes no more.
    shut: bool,
}

/// Both directions.
struct Passage<'a> {
    turnstile: Turnstile<'a>,
    up: Way,
    down: Way,
    /// The client's bytes are wanted.
    open: bool,
    unanswered: bool,
    /// Nothing more is read; what is decided is still written.
    closing: bool,
    /// Why the daemon did not want the connection.
    rejected: Option<String>,
    /// When a held answer was begun.
    held_since: Option<Instant>,
}

impl Turnstile<'_> {
    /// Relays until both sides have ended, or something ended it.
    pub(super) async fn join<C, D>(self, client: C, daemon: D)
    where
        C: AsyncRead + AsyncWrite + Unpin,
        D: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut client_reader, mut client_writer) = tokio::io::split(client);
        let (daemon_reader, daemon_writer) = tokio::io::split(daemon);
        let passage = Passage {
            turnstile: self,
            up: Way::default(),
            down: Way::default(),
            open: true,
            unanswered: false,
            closing: false,
            rejected: None,
            held_since: None,
        };
        // The daemon's half is dropped inside: half a request is never completed.
        let closing = passage.run((&mut client_reader, &mut client_writer), (daemon_reader, daemon_writer)).await;
        self.tap.gone(self.number);
        if closing {
            refuse::linger(&mut client_reader.unsplit(client_writer)).await;
        }
    }
}

impl Passage<'_> {
    /// Whether the client is to be waited for, since the connection was closed from here.
    async fn run<C, D>(mut self, client: (&mut ReadHalf<C>, &mut WriteHalf<C>), daemon: (ReadHalf<D>, WriteHalf<D>)) -> bool
    where
        C: AsyncRead + AsyncWrite + Unpin,
        D: AsyncRead + AsyncWrite + Unpin,
    {
        let (client_reader, client_writer) = client;
        let (mut daemon_reader, mut daemon_writer) = daemon;
        loop {
            self.work();
            if self.closing && !self.down.has_to_write() {
                return true;
            }
            if self.up.is_to_be_shut() {
                // A half-close goes on; a peer that is gone already has no use for it.
                let _ = daemon_writer.shutdown().await;
                self.up.shut = true;
            }
            if self.down.is_to_be_shut() {
                if self.down.ended == Some(StreamEnd::Broken) && self.turnstile.ends_in_words {
                    // `close_notify` would make a whole of what is not.
                    return false;
                }
                let _ = client_writer.shutdown().await;
                self.down.shut = true;
            }
            if self.up.shut && self.down.shut {
                return false;
            }
            let waited = self.held_since.map_or_else(Instant::now, |since| since + PATIENCE);
            tokio::select! {
                written = write(client_writer, &mut self.down.out), if self.down.has_to_write() => match written {
                    Ok(unflushed) => self.down.unflushed = unflushed,
                    // The client is gone, and so is what it would have sent.
                    Err(_) => return false,
                },
                written = write(&mut daemon_writer, &mut self.up.out), if self.up.has_to_write() => {
                    if let Ok(unflushed) = written {
                        self.up.unflushed = unflushed;
                    } else {
                        // A daemon that takes no more may still be answering.
                        self.up.out.clear();
                        (self.up.shut, self.up.unflushed) = (true, false);
                    }
                }
                count = read(client_reader, &mut self.up.read), if !self.closing && self.up.wants() => self.up.take_read(&count),
                count = read(&mut daemon_reader, &mut self.down.read), if !self.closing && self.down.wants() => {
                    if self.down.passed == 0 && self.down.held.is_empty() {
                        match &count {
                            Ok(_) => self.turnstile.trouble.look(&self.down.read),
                            Err(error) => self.rejected = self.turnstile.trouble.rejected(error),
                        }
                    }
                    self.down.take_read(&count);
                }
                () = tokio::time::sleep_until(waited), if self.held_since.is_some() && !self.down.held.is_empty() && !self.closing => {
                    self.held_since = None;
                    let ruling = self.turnstile.tap.lose_patience(self.turnstile.policy, self.turnstile.number);
                    self.follow(Side::Daemon, ruling);
                }
            }
        }
    }

    /// Puts to the judge what can be put to it.
    fn work(&mut self) {
        while !self.closing && (self.put(Side::Daemon) || self.put(Side::Client)) {}
    }

    /// One question; whether there was any.
    fn put(&mut self, side: Side) -> bool {
        let Turnstile { number, tap, policy, .. } = self.turnstile;
        let open = self.open;
        let way = self.way(side);
        if !way.pending.is_empty() {
            if side == Side::Client && !open {
                return false;
            }
            let whole = way.pending.clone();
            let ruling = tap.ask(policy, number, side, &mut way.pending);
            let taken = whole.len() - way.pending.len();
            way.held.extend_from_slice(&whole[..taken]);
            let more = taken > 0 || ruling.objection.is_some();
            self.follow(side, ruling);
            return more;
        }
        let Some(end) = way.end.take() else { return false };
        let ruling = tap.ask_end(policy, number, side, end);
        way.ended = Some(end);
        self.follow(side, ruling);
        if side == Side::Daemon && self.unanswered && !self.closing {
            self.closing = true;
            let why = self.rejected.as_deref().unwrap_or("the daemon closed the connection without an answer");
            let message = format!("plimsoll: {why}");
            self.down.out.extend_from_slice(&Reply::bad_gateway(&message).bytes());
        }
        true
    }

    /// Does as the judge says.
    fn follow(&mut self, side: Side, ruling: Ruling) {
        (self.open, self.unanswered) = (ruling.open, ruling.unanswered);
        let way = self.way(side);
        if let Some(denial) = ruling.denied {
            way.pass(ruling.clear);
            way.drop_held();
            self.deny(&denial);
            return;
        }
        match ruling.objection {
            None => way.pass(ruling.clear),
            Some(objection) => {
                // Of a stream or an archive, what stands before the bad part still goes on; of a message, nothing.
                way.pass(ruling.clear);
                way.drop_held();
                self.enforce(&objection);
            }
        }
        if self.down.held.is_empty() {
            self.held_since = None;
        } else if side == Side::Daemon && self.held_since.is_none() {
            self.held_since = Some(Instant::now());
        }
    }

    fn deny(&mut self, denial: &Denial) {
        self.closing |= !denial.goes_on;
        let operation = denial.call.operation.as_deref().unwrap_or("the request");
        let message = format!("plimsoll denied {operation} before it reached the daemon: {}", denial.why);
        let reply = Reply::denying(denial, &message).bytes();
        self.down.out.extend_from_slice(&reply);
        self.turnstile.tap.record_answer(self.turnstile.number, reply);
    }

    fn enforce(&mut self, objection: &Objection) {
        self.closing |= !objection.goes_on;
        let message = words(objection);
        if objection.action == Enforcement::Cut {
            if objection.between_frames {
                self.down.out.extend_from_slice(&refuse::error_frame(&message));
            }
            return;
        }
        let reply = Reply::to(objection, &message).bytes();
        self.down.out.extend_from_slice(&reply);
        if objection.action == Enforcement::Refused {
            self.turnstile.tap.record_answer(self.turnstile.number, reply);
        }
    }

    const fn way(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Client => &mut self.up,
            Side::Daemon => &mut self.down,
        }
    }
}

impl Way {
    /// Whether there is room for more.
    fn wants(&self) -> bool {
        self.ended.is_none() && self.end.is_none() && !self.shut && self.pending.is_empty() && self.out.len() < QUEUE
    }

    fn take_read(&mut self, count: &io::Result<usize>) {
        match count {
            Ok(0) => self.end = Some(StreamEnd::Closed),
            Ok(_) => self.pending = self.read.split().freeze(),
            Err(_) => self.end = Some(StreamEnd::Broken),
        }
    }

    /// What lies before this position of the direction goes on.
    fn pass(&mut self, clear: u64) {
        let count = usize::try_from(clear.saturating_sub(self.passed)).unwrap_or(usize::MAX).min(self.held.len());
        let bytes = self.held.split_to(count);
        self.passed += count as u64;
        if self.shut {
            return;
        }
        if self.out.is_empty() {
            self.out = bytes;
        } else {
            self.out.extend_from_slice(&bytes);
        }
    }

    fn drop_held(&mut self) {
        self.passed += self.held.len() as u64;
        self.held.clear();
    }

    fn has_to_write(&self) -> bool {
        !self.out.is_empty() || self.unflushed
    }

    /// Its reader has ended, and everything that may go on went on.
    fn is_to_be_shut(&self) -> bool {
        self.ended.is_some() && !self.shut && !self.has_to_write()
    }
}

/// One step towards the system having all of it; whether a flush is still due.
async fn write<W: AsyncWrite + Unpin>(writer: &mut W, out: &mut BytesMut) -> io::Result<bool> {
    if out.is_empty() {
        return writer.flush().await.map(|()| false);
    }
    writer.write_buf(out).await.map(|_| true)
}

async fn read<R: AsyncRead + Unpin>(reader: &mut R, buffer: &mut BytesMut) -> io::Result<usize> {
    buffer.reserve(READ);
    reader.read_buf(buffer).await
}
