//! A terminal: the line discipline between a client's keys and a container's processes.
//!
//! What is typed is echoed and edited by the line, `^C` becomes a signal, and a newline on its way out gets its carriage return; `stty raw` and
//! `-echo` switch that off. There is no job control: the foreground is the group that the shell says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::pipe::{Closed, Input, Output};
use super::processes::Processes;
use super::signal;

/// Lines that may wait to be read, and pieces of screen that may wait to be sent.
const CAPACITY: usize = 64;

/// The longest line that is edited, as on Linux.
const LONGEST_LINE: usize = 4096;

/// A container's terminal. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Terminal {
    keys: mpsc::Sender<Bytes>,
    input: Input,
    output: Output,
    /// As it is written, without the line discipline.
    screen: Output,
    face: Face,
}

/// What the processes see of a terminal.
#[derive(Debug, Clone)]
pub(super) struct Face {
    settings: Arc<Mutex<Settings>>,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) rows: u16,
    pub(super) columns: u16,
    pub(super) echo: bool,
    /// Input by the line, with keys that edit it; and NL to CRLF.
    pub(super) cooked: bool,
    line: BytesMut,
    foreground: Option<(Processes, u32)>,
}

impl Face {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows and columns.
    pub(super) fn size(&self) -> (u16, u16) {
        let settings = self.settings();
        (settings.rows, settings.columns)
    }

    /// What a terminal shows of what is written to it.
    pub(super) fn shown(&self, bytes: Bytes) -> Bytes {
        if !self.settings().cooked || !bytes.contains(&b'\n') {
            return bytes;
        }
        let mut shown = BytesMut::with_capacity(bytes.len() + 16);
        for byte in bytes {
            if byte == b'\n' {
                shown.extend_from_slice(b"\r");
            }
            shown.extend_from_slice(&[byte]);
        }
        shown.freeze()
    }
}

impl Terminal {
    /// A terminal of so many rows and columns, and what appears on its screen.
    #[must_use]
    pub fn open(rows: u16, columns: u16) -> (Self, Input) {
        let (keys, lines) = mpsc::channel(CAPACITY);
        let (shown, seen) = mpsc::channel::<Bytes>(CAPACITY);
        let settings = Settings { rows, columns, echo: true, cooked: true, line: BytesMut::new(), foreground: None };
        let face = Face { settings: Arc::new(Mutex::new(settings)) };
        let raw = Face {
            settings: Arc::new(Mutex::new(Settings { rows, columns, echo: false, cooked: false, line: BytesMut::new(), foreground: None })),
        };
        let terminal = Self {
            keys,
            input: Input::terminal(lines, face.clone()),
            output: Output::terminal(shown.clone(), face.clone()),
            screen: Output::terminal(shown, raw.clone()),
            face,
        };
        (terminal, Input::terminal(seen, raw))
    }

    /// Where the container's processes read.
    #[must_use]
    pub fn input(&self) -> Input {
        self.input.clone()
    }

    /// Where they write.
    #[must_use]
    pub fn output(&self) -> Output {
        self.output.clone()
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.face.size()
    }

    /// Another size; the foreground is told by SIGWINCH.
    pub fn resize(&self, rows: u16, columns: u16) {
        let mut settings = self.face.settings();
        (settings.rows, settings.columns) = (rows, columns);
        let foreground = settings.foreground.clone();
        drop(settings);
        if let Some((processes, group)) = foreground {
            processes.signal_group(group, 28);
        }
    }

    /// Which processes get the signals of keys.
    pub(super) fn set_foreground(&self, processes: &Processes, group: u32) {
        self.face.settings().foreground = Some((processes.clone(), group));
    }

    /// A client types. Waits while nobody reads what is typed.
    pub async fn type_in(&self, bytes: &[u8]) -> Result<(), Closed> {
        let mut echo = BytesMut::new();
        let mut ready = Vec::new();
        let mut signals = Vec::new();
        {
            let mut settings = self.face.settings();
            if settings.cooked {
                for byte in bytes {
                    if let Some(number) = settings.key(*byte, &mut echo, &mut ready) {
                        signals.push(number);
                    }
                }
            } else {
                if settings.echo {
                    echo.extend_from_slice(bytes);
                }
                ready.extend(Some(Bytes::copy_from_slice(bytes)).filter(|bytes| !bytes.is_empty()));
            }
        }
        if !echo.is_empty() {
            self.screen.write(echo.freeze()).await?;
        }
        for number in signals {
            let foreground = self.face.settings().foreground.clone();
            if let Some((processes, group)) = foreground {
                processes.signal_group(group, number);
            }
        }
        for bytes in ready {
            self.keys.send(bytes).await.map_err(|_| Closed)?;
        }
        Ok(())
    }
}

impl Settings {
    /// One key of a cooked terminal: what is echoed, what is ready to be read (nothing, for `^D`), what signal it is.
    fn key(&mut self, byte: u8, echo: &mut BytesMut, ready: &mut Vec<Bytes>) -> Option<u8> {
        let mut shown = BytesMut::new();
        let mut raised = None;
        match byte {
            b'\r' | b'\n' => {
                shown.extend_from_slice(b"\r\n");
                self.line.extend_from_slice(b"\n");
                ready.push(self.line.split().freeze());
            }
            // ^C, ^\
            3 | 28 => {
                shown.extend_from_slice(if byte == 3 { b"^C" } else { b"^\\" });
                self.line.clear();
                raised = Some(if byte == 3 { signal::INT } else { signal::QUIT });
            }
            // ^D: what there is, or the end.
            4 => ready.push(self.line.split().freeze()),
            // Backspace.
            8 | 127 => {
                while self.line.last().is_some_and(|last| last & 0xc0 == 0x80) {
                    self.line.truncate(self.line.len() - 1);
                }
                if !self.line.is_empty() {
                    self.line.truncate(self.line.len() - 1);
                    shown.extend_from_slice(b"\x08 \x08");
                }
            }
            // ^U
            21 => {
                let width = String::from_utf8_lossy(&self.line).chars().count();
                self.line.clear();
                shown.extend_from_slice("\x08 \x08".repeat(width).as_bytes());
            }
            _ if self.line.len() < LONGEST_LINE => {
                self.line.extend_from_slice(&[byte]);
                if byte < 32 && byte != b'\t' {
                    shown.extend_from_slice(&[b'^', byte + 64]);
                } else {
                    shown.extend_from_slice(&[byte]);
                }
            }
            _ => shown.extend_from_slice(b"\x07"),
        }
        if self.echo {
            echo.extend_from_slice(&shown);
        }
        raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_edited_and_echoed() {
        let (terminal, screen) = Terminal::open(24, 80);
        terminal.type_in(b"lx\x7fs\rgone\x15ok\n\x04").await.expect("taken");
        assert_eq!(terminal.input().read_line().await.as_deref(), Some(&b"ls\n"[..]));
        assert_eq!(terminal.input().read().await.as_deref(), Some(&b"ok\n"[..]));
        assert_eq!(terminal.input().read().await, None);
        terminal.output().write(Bytes::from_static(b"a\nb")).await.expect("shown");
        let mut seen = screen.read().await.expect("shown").to_vec();
        seen.extend(screen.read().await.expect("shown"));
        assert_eq!(String::from_utf8_lossy(&seen), "lx\x08 \x08s\r\ngone\x08 \x08\x08 \x08\x08 \x08\x08 \x08ok\r\na\r\nb");
        terminal.resize(50, 132);
        assert_eq!(terminal.size(), (50, 132));
    }

    #[tokio::test]
    async fn a_raw_terminal_passes_what_is_typed() {
        let (terminal, _screen) = Terminal::open(24, 80);
        terminal.face.settings().cooked = false;
        terminal.face.settings().echo = false;
        terminal.type_in(b"\x03\r").await.expect("taken");
        assert_eq!(terminal.input().read().await.as_deref(), Some(&b"\x03\r"[..]));
    }
}
