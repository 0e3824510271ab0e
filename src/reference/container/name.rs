//! What a container may be called.

use super::registry::Containers;
use crate::reference::ids::Ids;
use crate::reference::refusal::Refusal;

/// The name that a client asked for, without a slash before it: it must be well formed and free.
pub(super) fn checked(containers: &Containers, asked: &str) -> Result<String, Refusal> {
    let name = asked.strip_prefix('/').unwrap_or(asked);
    if !is_well_formed(name) {
        return Err(Refusal::bad_parameter(format!("Invalid container name ({asked}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")));
    }
    match containers.owner_of(name) {
        Some(owner) => Err(Refusal::conflict(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". \
             You have to remove (or rename) that container to be able to reuse that name."
        ))),
        None => Ok(name.to_owned()),
    }
}

/// A name for a container whose client gave none.
pub(super) fn made_up(containers: &Containers, ids: &mut Ids, id: &str) -> String {
    for attempt in 0..6 {
        let mut name = ids.name();
        if attempt > 0 {
            name.push_str(&ids.below(10).to_string());
        }
        if containers.owner_of(&name).is_none() {
            return name;
        }
    }
    id[..12].to_owned()
}

fn is_well_formed(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.len() > 1
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_docker_checks_them() {
        let containers = Containers::default();
        for (asked, expected) in [
            ("web", Some("web")),
            ("/web", Some("web")),
            ("a.b-c_d", Some("a.b-c_d")),
            ("a", None),
            ("", None),
            ("-ab", None),
            ("a b", None),
            ("/a/b", None),
        ] {
            assert_eq!(checked(&containers, asked).ok().as_deref(), expected, "{asked}");
        }
        let refusal = checked(&containers, "!").expect_err("no name");
        assert_eq!(
            (refusal.status, refusal.message.as_str()),
            (400, "Invalid container name (!), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        );
    }
}
