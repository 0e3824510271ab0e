//! Signals: their numbers on Linux, and what they do to a process that did not ask for anything else.

/// Numbers that the code speaks of.
pub(crate) const INT: u8 = 2;
pub(crate) const QUIT: u8 = 3;
pub(crate) const KILL: u8 = 9;
pub(crate) const PIPE: u8 = 13;
pub(crate) const TERM: u8 = 15;

/// Names by number, from 1, without `SIG`.
pub const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD",
    "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The highest signal number.
pub const HIGHEST: u8 = 64;

/// The number of a signal by its number, or by its name with or without `SIG`, in any case.
#[must_use]
pub fn number(text: &str) -> Option<u8> {
    if let Ok(number) = text.parse::<u8>() {
        return (number <= HIGHEST).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let at = NAMES.iter().position(|known| *known == name)?;
    u8::try_from(at + 1).ok()
}

/// The name of a signal, without `SIG`.
#[must_use]
pub fn name(number: u8) -> String {
    number.checked_sub(1).and_then(|at| NAMES.get(usize::from(at))).map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// Whether a signal without a handler ends a process. The stopping ones are counted among those that do nothing.
#[must_use]
pub fn ends(number: u8) -> bool {
    number != 0 && number <= HIGHEST && !matches!(number, 17..=23 | 28)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_go_by_name_and_number() {
        for (text, expected) in
            [("TERM", Some(15)), ("sigkill", Some(9)), ("0", Some(0)), ("64", Some(64)), ("65", None), ("WINCH", Some(28)), ("", None)]
        {
            assert_eq!(number(text), expected, "{text}");
        }
        assert_eq!(name(1), "HUP");
        assert_eq!(name(40), "40");
        assert!(ends(TERM) && !ends(28) && !ends(0));
    }
}
