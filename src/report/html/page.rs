//! Writes markup. What is not a constant of the program is escaped: there is no other way in.

use std::fmt::{self, Display, Write as _};

use crate::report::words::visible;

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Page {
    out: String,
}

impl Page {
    /// Markup, as it stands in the source.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Words, in an element or in a quoted attribute: escaped, whatever they hold, and in one line with what nobody would see made visible.
    pub(super) fn text(&mut self, words: impl Display) -> &mut Self {
        // Writing to a text cannot fail.
        let _ = write!(Escaped(&mut self.out), "{words}");
        self
    }

    /// Our own sentences, and those of the judge: what stands between backticks is code.
    pub(super) fn prose(&mut self, words: &str) -> &mut Self {
        let mut parts = words.split('`').peekable();
        let mut is_code = false;
        while let Some(part) = parts.next() {
            // An odd backtick is a backtick.
            match (is_code, parts.peek().is_some()) {
                (true, true) => self.raw("<code>").text(part).raw("</code>"),
                (true, false) => self.raw("`").text(part),
                (false, _) => self.text(part),
            };
            is_code = !is_code;
        }
        self
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn into_text(self) -> String {
        self.out
    }
}

struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in visible(text).chars() {
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                char => self.0.push(char),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_never_markup() {
        let mut page = Page::default();
        page.raw("<p title=\"").text("\" onclick='x'").raw("\">").text("<script>&\0\u{202e}").raw("</p>");
        page.prose("a `<b>` c`d");
        assert_eq!(
            page.into_text(),
            "<p title=\"&quot; onclick=&#39;x&#39;\">&lt;script&gt;&amp;\\x00\\u{202e}</p>a <code>&lt;b&gt;</code> c`d"
        );
    }
}
