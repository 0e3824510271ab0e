//! The report as one page for a browser: nothing is fetched, everything is there without scripts, and what peers sent is text.
//!
//! The page is kept under a megabyte: what does not fit is counted, and JSON Lines has it.

mod curl;
mod findings;
mod head;
mod matrix;
mod page;
mod seen;
mod unjudged;

use std::collections::BTreeSet;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Coverage, Digest, Reporter, Tally};
use crate::catalog::Catalog;
use crate::model::{ApiVersion, Event};
use findings::Findings;
use page::Page;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Collects; writes the page when the run is over.
#[derive(Debug)]
pub struct Html<W> {
    out: W,
    catalog: &'static Catalog,
    digest: Digest,
    coverage: Coverage,
}

/// What the parts of the page are made from.
struct Report<'a> {
    catalog: &'static Catalog,
    digest: &'a Digest,
    coverage: &'a Coverage,
    /// Names of daemons, where there are any.
    daemons: Vec<&'a str>,
    versions: Vec<ApiVersion>,
}

impl<W: Write> Html<W> {
    /// Writes to `out`; what is known of the API is the catalogue's.
    pub fn new(out: W, catalog: &'static Catalog) -> Self {
        Self { out, catalog, digest: Digest::default(), coverage: Coverage::default() }
    }
}

impl<W: Write + Send> Reporter for Html<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.digest.event(event);
        if let Event::Coverage(seen) = event {
            self.coverage.add(seen);
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        let page = Report::new(self.catalog, &self.digest, &self.coverage).page();
        self.out.write_all(page.as_bytes())?;
        self.out.flush()
    }
}

impl<'a> Report<'a> {
    fn new(catalog: &'static Catalog, digest: &'a Digest, coverage: &'a Coverage) -> Self {
        let daemons: BTreeSet<&str> = digest.cells.keys().filter_map(|key| key.daemon.as_deref()).collect();
        let versions: BTreeSet<ApiVersion> =
            digest.cells.keys().filter_map(|key| key.version).filter(|version| version.is_known()).collect();
        Self { catalog, digest, coverage, daemons: daemons.into_iter().collect(), versions: versions.into_iter().collect() }
    }

    fn page(&self) -> String {
        let findings = Findings::new(self);
        let mut page = Page::default();
        page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; ");
        page.raw("style-src 'sha256-").text(hash(STYLE)).raw("'; script-src 'sha256-").text(hash(SCRIPT)).raw("'\">\n");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
        page.raw("<title>").text(self.title()).raw("</title>\n");
        page.raw(head::ICON).raw("<style>").raw(STYLE).raw("</style>\n</head>\n<body>\n");
        self.head(&findings, &mut page);
        page.raw("<main>\n");
        findings.overview(&mut page);
        self.matrix(&findings, &mut page);
        self.seen(&mut page);
        findings.write(self, &mut page);
        self.unjudged(&mut page);
        page.raw("</main>\n");
        self.foot(&mut page);
        page.raw("<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
        page.into_text()
    }
}

/// As a Content-Security-Policy names what it allows: <https://www.w3.org/TR/CSP3/#grammardef-hash-source>.
fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}
