//! Build arguments: what the client gave, what the Dockerfile declares, and what has been used.

use std::collections::{BTreeMap, BTreeSet};

/// Arguments that need no declaration.
const BUILT_IN: [&str; 10] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];

/// The arguments of a build.
#[derive(Debug, Clone, Default)]
pub(super) struct Args {
    given: BTreeMap<String, Option<String>>,
    /// Declared in this stage.
    declared: BTreeMap<String, Option<String>>,
    /// Declared before the first stage.
    global: BTreeMap<String, Option<String>>,
    used: BTreeSet<String>,
}

impl Args {
    /// Those that the client gave; null is one that it only named.
    pub(super) fn new(given: BTreeMap<String, Option<String>>) -> Self {
        Self { given, ..Self::default() }
    }

    /// For the next stage: declarations are forgotten.
    pub(super) fn for_stage(&self) -> Self {
        Self { declared: BTreeMap::new(), ..self.clone() }
    }

    /// What a stage used counts as used.
    pub(super) fn merge_used(&mut self, stage: &Self) {
        self.used.extend(stage.used.iter().cloned());
    }

    /// `ARG` in a stage.
    pub(super) fn declare(&mut self, name: &str, value: Option<String>) {
        self.declared.insert(name.to_owned(), value);
        self.used.insert(name.to_owned());
    }

    /// `ARG` before the first stage.
    pub(super) fn declare_globally(&mut self, name: &str, value: Option<String>) {
        self.declare(name, value.clone());
        self.global.insert(name.to_owned(), value);
    }

    /// A value that instructions of the stage may use.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.value(name, &self.declared)
    }

    /// A value that `FROM` may use.
    pub(super) fn get_global(&self, name: &str) -> Option<String> {
        self.value(name, &self.global)
    }

    fn value(&self, name: &str, declared: &BTreeMap<String, Option<String>>) -> Option<String> {
        let default = declared.get(name);
        if default.is_none() && !BUILT_IN.contains(&name) {
            return None;
        }
        if let Some(Some(given)) = self.given.get(name) {
            return Some(given.clone());
        }
        default.cloned().flatten().or_else(|| self.global.get(name).cloned().flatten())
    }

    /// All values of the stage, in order: the environment of `RUN`. The flag says whether it counts for the cache.
    pub(super) fn all(&self) -> Vec<(String, String, bool)> {
        let names: BTreeSet<&str> = self.declared.keys().map(String::as_str).chain(BUILT_IN).collect();
        let value = |name: &str| Some((name.to_owned(), self.get(name)?, self.declared.contains_key(name) || !BUILT_IN.contains(&name)));
        names.into_iter().filter_map(value).collect()
    }

    /// Those that the client gave and nothing used.
    pub(super) fn unused(&self) -> Vec<&str> {
        let names = self.given.keys().map(String::as_str);
        names.filter(|name| !self.used.contains(*name) && !BUILT_IN.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_value_wins_where_it_is_declared() {
        let some = |text: &str| Some(text.to_owned());
        let mut args = Args::new(BTreeMap::from([("A".to_owned(), some("1")), ("B".to_owned(), None), ("no_proxy".to_owned(), some("x"))]));
        assert_eq!((args.get("A"), args.get("no_proxy")), (None, some("x")));
        args.declare_globally("G", some("2"));
        let mut stage = args.for_stage();
        assert_eq!((stage.get("G"), stage.get_global("G")), (None, some("2")));
        stage.declare("A", some("0"));
        stage.declare("G", None);
        assert_eq!((stage.get("A"), stage.get("G")), (some("1"), some("2")));
        assert_eq!(stage.all().len(), 3);
        args.merge_used(&stage);
        assert_eq!(args.unused(), ["B"]);
    }
}
