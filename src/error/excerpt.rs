//! A place in a file that a person wrote: the file's name, the line, and a caret below what is wrong.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

/// The number of the line that a byte of a text stands in, from 1.
#[must_use]
pub fn line(text: &str, at: usize) -> u64 {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count() as u64
}

/// Of a longer line, in characters, only what is around the place is shown.
const WIDTH: usize = 120;
/// What is shown before the place then.
const LEAD: usize = 40;

/// `file:3: message`, the line, and carets below the `span` (in bytes of `text`; of several lines the first is underlined).
#[must_use]
pub fn excerpt(path: &Path, text: &str, span: &Range<usize>, message: &str) -> String {
    let start = text.floor_char_boundary(span.start);
    let begin = text[..start].rfind('\n').map_or(0, |end| end + 1);
    // The user's own text, but whatever it is: one line, and nothing that moves the cursor.
    let printable = |char: char| if char == '\t' || !char.is_control() { char } else { '\u{fffd}' };
    let whole: Vec<char> = text[begin..].lines().next().unwrap_or_default().chars().map(printable).collect();
    let before = text[begin..start].chars().count().min(whole.len());
    let end = text.floor_char_boundary(span.end).max(start);
    let under = text[start..end].chars().count().clamp(1, (whole.len() - before).max(1));
    let cut = if whole.len() > WIDTH { before.saturating_sub(LEAD) } else { 0 };
    let (dots, pad) = if cut > 0 { ("…", " ") } else { ("", "") };
    let after = if whole.len() - cut > WIDTH { "…" } else { "" };
    let shown: String = whole[cut..].iter().take(WIDTH).collect();
    let indent: String = whole[cut..before].iter().map(|char| if *char == '\t' { '\t' } else { ' ' }).collect();
    let carets = "^".repeat(under.min(WIDTH - indent.chars().count().min(WIDTH - 1)));
    let number = line(text, start).to_string();
    let gutter = " ".repeat(number.len());
    let mut out = format!("{}:{number}: {message}", path.display());
    // Writing to a text cannot fail.
    let _ = write!(out, "\n  {number} | {dots}{shown}{after}\n  {gutter} | {pad}{indent}{carets}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_place() {
        let text = "a = 1\n\tb = \"häx\" # c\n";
        let at = |needle: &str| text.find(needle).map(|start| start..start + needle.len()).expect("there");
        let shown = |span: Range<usize>| excerpt(Path::new("f.toml"), text, &span, "is odd");
        assert_eq!(shown(at("\"häx\"")), "f.toml:2: is odd\n  2 | \tb = \"häx\" # c\n    | \t    ^^^^^");
        assert_eq!(shown(0..text.len()), "f.toml:1: is odd\n  1 | a = 1\n    | ^^^^^");
        assert_eq!(shown(text.len()..text.len()), "f.toml:3: is odd\n  3 | \n    | ^");
        assert_eq!(shown(99..200), shown(text.len()..text.len()));
    }
}
