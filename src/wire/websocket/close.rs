//! The payload of a close frame (RFC 6455 sections 5.5.1 and 7.4): a code of two bytes, then a reason in UTF-8, or nothing.

use crate::wire::excerpt;

/// The code, if there is one, and what is wrong: what is due, and what was there.
pub(super) fn read(payload: &[u8]) -> (Option<u16>, Option<(&'static str, String)>) {
    match payload {
        [] => (None, None),
        [_] => (None, Some(("a code of two bytes, or nothing", "one byte".to_owned()))),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let defect = if !may_be_sent(code) {
                Some(("a code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999", code.to_string()))
            } else if std::str::from_utf8(reason).is_err() {
                Some(("a reason in UTF-8", excerpt(reason)))
            } else {
                None
            };
            (Some(code), defect)
        }
    }
}

/// Section 7.4: 1004 to 1006 and 1015 are never on the wire; 1012 to 1014 came later (IANA, WebSocket Close Code Number Registry).
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
