//! Constraints of placement: `node.role==manager`.

use serde_json::Value;

use super::super::cluster::Cluster;
use super::super::node::{ARCHITECTURE, HOSTNAME};

/// An expression: the key, whether it is to be equal, and the value.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Constraint {
    key: String,
    equal: bool,
    value: String,
}

/// Reads an expression; what is wrong with it otherwise.
pub(in super::super) fn parse(expression: &str) -> Result<Constraint, String> {
    let parts = [("==", true), ("!=", false)]
        .into_iter()
        .find_map(|(operator, equal)| expression.split_once(operator).map(|(key, value)| (key.trim(), equal, value.trim())));
    let Some((key, equal, value)) = parts else { return Err("constraint expected one operator from ==, !=".to_owned()) };
    let bytes = key.as_bytes();
    let starts = bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    if bytes.len() < 2 || !starts || !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        return Err(format!("key '{key}' is invalid"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || br":-_.*()?+[]\^$|/".contains(&byte);
    if value.is_empty() || !value.bytes().all(fits) {
        return Err(format!("value '{value}' is invalid"));
    }
    Ok(Constraint { key: key.to_owned(), equal, value: value.to_owned() })
}

impl Constraint {
    /// Whether the node of the swarm satisfies it.
    pub(super) fn admits(&self, cluster: &Cluster) -> bool {
        let same = |text: &str| text.eq_ignore_ascii_case(&self.value) == self.equal;
        let key = self.key.to_ascii_lowercase();
        match key.as_str() {
            "node.id" => same(&cluster.node.id),
            "node.hostname" => same(HOSTNAME),
            "node.role" => same("manager"),
            "node.platform.os" => same("linux"),
            "node.platform.arch" => same(ARCHITECTURE),
            "node.ip" => same(&cluster.address.to_string()),
            _ if key.starts_with("node.labels.") => {
                let label = self.key.get("node.labels.".len()..).unwrap_or_default();
                same(cluster.node.spec["Labels"].get(label).and_then(Value::as_str).unwrap_or_default())
            }
            _ if key.starts_with("engine.labels.") => same(""),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for (expression, expected) in [
            ("node.role==manager", Ok(("node.role", true, "manager"))),
            ("node.labels.a != b c", Ok(("node.labels.a", false, "b c"))),
            ("x", Err("constraint expected one operator from ==, !=")),
            ("a b==c", Err("key 'a b' is invalid")),
            ("ab==", Err("value '' is invalid")),
        ] {
            let expected = expected
                .map(|(key, equal, value)| Constraint { key: key.to_owned(), equal, value: value.to_owned() })
                .map_err(str::to_owned);
            assert_eq!(parse(expression), expected, "{expression}");
        }
    }
}
