//! Extended headers: pax records (POSIX.1-2001) and GNU's long names, which tell of the entry that follows them.
//!
//! Of their records the name, size, time and sparseness are read. One larger than Go's limit is passed over, never held.

/// Go's `archive/tar` gives up on a larger one (`maxSpecialFileSize`).
const LIMIT: usize = 1 << 20;

/// What the extended headers so far say of the next entry.
#[derive(Debug, Default)]
pub(super) struct Extended {
    /// The type of the header that is being read.
    kind: u8,
    held: Vec<u8>,
    too_large: bool,
    /// An entry has to follow.
    waiting: bool,
    said: Said,
}

/// What an entry is, other than its own header says.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) name: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) mtime: Option<i64>,
    pub(super) sparse: bool,
}

impl Extended {
    /// pax for one entry and for all that follow, GNU long name and long link.
    pub(super) fn is_kind(kind: u8) -> bool {
        matches!(kind, b'x' | b'g' | b'L' | b'K')
    }

    pub(super) fn begin(&mut self, kind: u8) {
        self.kind = kind;
        self.held.clear();
        self.too_large = false;
        // Global records may stand alone: `git archive` ends its header that way.
        self.waiting |= kind != b'g';
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        self.too_large |= self.held.len() + piece.len() > LIMIT;
        if self.too_large {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(piece);
        }
    }

    /// The header is complete. What was expected and what was there, if it is broken.
    pub(super) fn end(&mut self) -> Result<(), (&'static str, String)> {
        let held = std::mem::take(&mut self.held);
        if self.too_large {
            return Ok(());
        }
        match self.kind {
            b'L' => {
                let end = memchr::memchr(0, &held).unwrap_or(held.len());
                self.said.name = Some(String::from_utf8_lossy(&held[..end]).into_owned());
                Ok(())
            }
            b'x' | b'g' => self.records(&held),
            _ => Ok(()),
        }
    }

    /// `LENGTH KEYWORD=VALUE LF`, the length in decimal and of the whole record (POSIX.1-2001, pax extended header).
    fn records(&mut self, mut rest: &[u8]) -> Result<(), (&'static str, String)> {
        const DUE: &str = "pax records: length, blank, keyword=value, line end";
        // Global records are read for their form; Go applies them to nothing.
        let mut said = Said { name: self.said.name.clone(), ..Said::default() };
        let mut result = Ok(());
        while !rest.is_empty() {
            let Some((keyword, value, behind)) = record(rest) else {
                result = Err((DUE, super::excerpt(rest)));
                break;
            };
            rest = behind;
            let text = || String::from_utf8_lossy(value).into_owned();
            match keyword {
                b"path" if !said.sparse => said.name = Some(text()),
                b"GNU.sparse.name" => (said.name, said.sparse) = (Some(text()), true),
                b"size" => match text().parse::<i64>().ok().and_then(|size| u64::try_from(size).ok()) {
                    Some(size) => said.size = Some(size),
                    None => result = Err(("a decimal size", super::excerpt(value))),
                },
                b"mtime" => said.mtime = text().split('.').next().and_then(|seconds| seconds.parse().ok()),
                keyword if keyword.starts_with(b"GNU.sparse.") => said.sparse = true,
                _ => {}
            }
        }
        if self.kind == b'x' {
            self.said = said;
        }
        result
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// The entry has come.
    pub(super) fn take(&mut self) -> Said {
        self.waiting = false;
        std::mem::take(&mut self.said)
    }
}

/// The first record: keyword, value, and what is behind it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = memchr::memchr(b' ', &bytes[..bytes.len().min(20)])?;
    let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
    let body = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = memchr::memchr(b'=', body).filter(|at| *at > 0)?;
    Some((&body[..equals], &body[equals + 1..], &bytes[length..]))
}
