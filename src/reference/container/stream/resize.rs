//! `ContainerResize`, and the size that a client asks for.

use std::num::{IntErrorKind, ParseIntError};
use std::sync::Arc;

use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::{Call, Query};
use crate::reference::container::tell;
use crate::reference::refusal::Refusal;

/// Sets the size of a container's terminal; one without a terminal does not mind.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let (rows, columns) = size(&call.query)?;
    let mut state = engine.state();
    let container = state.containers.find(&call.name)?;
    if !container.life.is_running() {
        return Err(Refusal::conflict(format!("Container {} is not running", container.id)));
    }
    container.console.resize(rows, columns);
    let id = container.id.clone();
    let more = [("height", call.query.text("h").to_owned()), ("width", call.query.text("w").to_owned())];
    tell(engine, &mut state, &id, "resize", &more);
    Ok(Answer::empty(200))
}

/// Rows and columns; both must be given.
pub(in crate::reference) fn size(query: &Query) -> Result<(u16, u16), Refusal> {
    let side = |name: &str| {
        let text = query.text(name);
        let number: i64 = text.parse().map_err(|error: ParseIntError| {
            let why = match error.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            Refusal::bad_parameter(format!("strconv.Atoi: parsing \"{text}\": {why}"))
        })?;
        // The kernel keeps the lower 16 bits.
        Ok(u16::try_from(number & 0xffff).unwrap_or_default())
    };
    Ok((side("h")?, side("w")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_numbers() {
        for (query, expected) in [
            ("h=40&w=120", Ok((40, 120))),
            ("h=0&w=70000", Ok((0, 4464))),
            ("w=1", Err("strconv.Atoi: parsing \"\": invalid syntax")),
            ("h=99999999999999999999&w=1", Err("strconv.Atoi: parsing \"99999999999999999999\": value out of range")),
            ("h=4x&w=1", Err("strconv.Atoi: parsing \"4x\": invalid syntax")),
        ] {
            let found = size(&Query::parse(query));
            assert_eq!(found.map_err(|refusal| refusal.message), expected.map_err(str::to_owned), "{query}");
        }
    }
}
