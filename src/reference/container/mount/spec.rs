//! Mounts as clients write them: `source:destination:mode`, and `Mounts` of a host configuration.

use crate::reference::document::Document;
use crate::reference::files::clean;
use crate::reference::refusal::Refusal;

/// A mount that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// `bind`, `volume` or `tmpfs`.
    pub(super) kind: &'static str,
    /// A path of the host, the name of a volume, or nothing.
    pub(super) source: String,
    /// Where, cleaned.
    pub(super) destination: String,
    /// As inspect shows it.
    pub(super) mode: String,
    /// Whether it may be written to.
    pub(super) writable: bool,
    /// Whether a volume takes what the image has in its place.
    pub(super) copy: bool,
    /// The volume's driver.
    pub(super) driver: String,
}

impl Spec {
    /// A volume without a name.
    pub(super) fn anonymous(destination: String, driver: &str) -> Self {
        let driver = driver_or_local(driver);
        Self { kind: "volume", source: String::new(), destination, mode: String::new(), writable: true, copy: true, driver }
    }
}

fn driver_or_local(driver: &str) -> String {
    if driver.is_empty() { "local" } else { driver }.to_owned()
}

/// Reads one of `Binds`.
pub(super) fn bind(text: &str, driver: &str) -> Result<Spec, Refusal> {
    let invalid = |why: String| Refusal::server_error(format!("invalid volume specification: '{text}'{why}"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, destination, mode) = match parts.as_slice() {
        [destination] => ("", *destination, ""),
        [source, destination] if !source.is_empty() => (*source, *destination, ""),
        [source, destination, mode] if !source.is_empty() => (*source, *destination, *mode),
        _ => return Err(invalid(String::new())),
    };
    if !mode_is_valid(mode) {
        return Err(Refusal::server_error(format!("invalid mode: {mode}")));
    }
    let kind = if source.starts_with('/') { "bind" } else { "volume" };
    if let Err(why) = check_destination(destination) {
        return Err(invalid(format!(": invalid mount config for type \"{kind}\": {why}")));
    }
    let has = |word: &str| mode.split(',').any(|part| part == word);
    // Volumes are relabelled unless the client says otherwise.
    let shown = if kind == "volume" && mode.is_empty() { "z" } else { mode };
    Ok(Spec {
        kind,
        source: source.to_owned(),
        destination: clean("/", destination),
        mode: shown.to_owned(),
        writable: !has("ro"),
        copy: !has("nocopy"),
        driver: driver_or_local(driver),
    })
}

fn mode_is_valid(mode: &str) -> bool {
    const WORDS: [&str; 17] = [
        "ro",
        "rw",
        "z",
        "Z",
        "copy",
        "nocopy",
        "private",
        "rprivate",
        "shared",
        "rshared",
        "slave",
        "rslave",
        "consistent",
        "cached",
        "delegated",
        "default",
        "rro",
    ];
    mode.is_empty() || mode.split(',').all(|part| WORDS.contains(&part))
}

fn check_destination(destination: &str) -> Result<(), String> {
    if destination.is_empty() {
        return Err("field Target must not be empty".to_owned());
    }
    if !destination.starts_with('/') {
        return Err(format!("invalid mount path: '{destination}' mount path must be absolute"));
    }
    if clean("/", destination) == "/" {
        return Err("invalid specification: destination can't be '/'".to_owned());
    }
    Ok(())
}

/// Reads one of `Mounts`.
pub(super) fn mount(asked: Document<'_>) -> Result<Spec, Refusal> {
    let kind = asked.text("Type");
    let invalid = |why: &str| Refusal::bad_parameter(format!("invalid mount config for type \"{kind}\": {why}"));
    let kind = match kind {
        "bind" => "bind",
        "volume" => "volume",
        "tmpfs" => "tmpfs",
        _ => return Err(invalid("mount type unknown")),
    };
    let (source, target) = (asked.text("Source"), asked.text("Target"));
    check_destination(target).map_err(|why| invalid(&why))?;
    for (options, of) in [("BindOptions", "bind"), ("VolumeOptions", "volume"), ("TmpfsOptions", "tmpfs")] {
        if of != kind && asked.has(options) {
            return Err(invalid(&format!("field {options} must not be specified")));
        }
    }
    let options = asked.at("VolumeOptions");
    match kind {
        "bind" if source.is_empty() => return Err(invalid("field Source must not be empty")),
        "bind" if !source.starts_with('/') => {
            return Err(invalid(&format!("invalid mount path: '{source}' mount path must be absolute")));
        }
        "tmpfs" if !source.is_empty() => return Err(invalid("field Source must not be specified")),
        "volume" if source.is_empty() && options.flag("NoCopy") && asked.flag("ReadOnly") => {
            return Err(invalid("must not set ReadOnly mode when using anonymous volumes"));
        }
        _ => {}
    }
    let propagation = asked.at("BindOptions").text("Propagation");
    let mode = match kind {
        "volume" => "z",
        _ => propagation,
    };
    Ok(Spec {
        kind,
        source: source.to_owned(),
        destination: clean("/", target),
        mode: mode.to_owned(),
        writable: !asked.flag("ReadOnly"),
        copy: !options.flag("NoCopy"),
        driver: driver_or_local(options.at("DriverConfig").text("Name")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn binds_are_read_as_dockerd_reads_them() {
        for (text, expected) in [
            ("/a:/b", Ok(("bind", "/a", "/b", "", true))),
            ("/a:/b:ro", Ok(("bind", "/a", "/b", "ro", false))),
            ("vol:/b/", Ok(("volume", "vol", "/b", "z", true))),
            ("vol:/b:ro,nocopy", Ok(("volume", "vol", "/b", "ro,nocopy", false))),
            ("/b", Ok(("volume", "", "/b", "z", true))),
            ("/a:/b:/c:/d", Err("invalid volume specification: '/a:/b:/c:/d'")),
            (
                "a:b",
                Err(
                    "invalid volume specification: 'a:b': invalid mount config for type \"volume\": invalid mount path: 'b' mount path must be absolute",
                ),
            ),
            ("/a:/b:foo", Err("invalid mode: foo")),
            (
                "/a:/",
                Err(
                    "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
                ),
            ),
        ] {
            let read = bind(text, "");
            let read =
                read.as_ref().map(|spec| (spec.kind, spec.source.as_str(), spec.destination.as_str(), spec.mode.as_str(), spec.writable));
            assert_eq!(read.map_err(|refusal| refusal.message.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn mounts_are_checked_in_dockerds_words() {
        for (asked, expected) in [
            (json!({ "Type": "foo", "Target": "/x" }), "invalid mount config for type \"foo\": mount type unknown"),
            (json!({ "Type": "bind", "Target": "/x" }), "invalid mount config for type \"bind\": field Source must not be empty"),
            (json!({ "Type": "volume", "Source": "v" }), "invalid mount config for type \"volume\": field Target must not be empty"),
            (
                json!({ "Type": "bind", "Source": "/s", "Target": "/x", "VolumeOptions": {} }),
                "invalid mount config for type \"bind\": field VolumeOptions must not be specified",
            ),
            (
                json!({ "Type": "tmpfs", "Source": "/s", "Target": "/x" }),
                "invalid mount config for type \"tmpfs\": field Source must not be specified",
            ),
            (
                json!({ "Type": "bind", "Source": "s", "Target": "/x" }),
                "invalid mount config for type \"bind\": invalid mount path: 's' mount path must be absolute",
            ),
        ] {
            assert_eq!(mount(Document(&asked)).expect_err("refused").message, expected);
        }
        let spec = mount(Document(&json!({ "Type": "volume", "Source": "v", "Target": "/m", "ReadOnly": true }))).expect("a mount");
        assert_eq!((spec.mode.as_str(), spec.writable, spec.driver.as_str()), ("z", false, "local"));
    }
}
