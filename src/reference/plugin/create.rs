//! `POST /plugins/create`: a plugin from an archive with `config.json` and `rootfs`.

use std::fmt::Write as _;
use std::io::{Cursor, Read as _};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::name::Name;
use super::{Plugin, config, emit};

/// A configuration is small; what is longer is none.
const CONFIG_LIMIT: u64 = 1 << 20;

pub(super) fn answer(engine: &Arc<Engine>, call: &Call, body: &[u8]) -> Result<Answer, Refusal> {
    let asked = call.query.text("name");
    let invalid = |refusal: Refusal| Refusal::server_error(format!("failed to parse reference {asked}: {}", refusal.message));
    let name = Name::parse(asked).map_err(invalid)?.familiar();
    let mut guard = engine.state();
    guard.plugins.vacant(&name)?;
    let source = source(body)?;
    let mut layer = "sha256:".to_owned();
    for byte in Sha256::digest(body) {
        let _ = write!(layer, "{byte:02x}");
    }
    let config = config::normal(Document(&source), &layer);
    let settings = config::settings(&config);
    let State { plugins, ids, .. } = &mut *guard;
    let id = ids.hex64();
    plugins.all.push(Plugin { id: id.clone(), name: name.clone(), reference: name.clone(), enabled: false, config, settings });
    emit(engine, &mut guard, "create", &id, &name);
    Ok(Answer::empty(204))
}

/// The configuration in the archive.
fn source(body: &[u8]) -> Result<Value, Refusal> {
    let unreadable = || Refusal::server_error("failed to read from tar: unexpected EOF");
    let (mut config, mut rootfs) = (None, false);
    // An archive may be compressed.
    let plain = if body.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        let limit = 1 << 30;
        flate2::read::GzDecoder::new(body).take(limit).read_to_end(&mut plain).map_err(|_| unreadable())?;
        plain
    } else {
        body.to_vec()
    };
    let mut archive = tar::Archive::new(Cursor::new(plain));
    for entry in archive.entries().map_err(|_| unreadable())? {
        let mut entry = entry.map_err(|_| unreadable())?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_start_matches('/');
        if path == "config.json" {
            let mut text = Vec::new();
            entry.by_ref().take(CONFIG_LIMIT).read_to_end(&mut text).map_err(|_| unreadable())?;
            config = Some(text);
        }
        rootfs = rootfs || path == "rootfs" || path.starts_with("rootfs/");
    }
    if !rootfs {
        return Err(Refusal::server_error("no rootfs found"));
    }
    let config = config.ok_or_else(|| Refusal::server_error("config not found"))?;
    serde_json::from_slice(&config).map_err(|error| Refusal::server_error(format!("failed to parse config: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, content.as_bytes()).expect("an entry");
        }
        builder.into_inner().expect("an archive")
    }

    #[test]
    fn an_archive_holds_config_and_rootfs() {
        for (files, expected) in [
            (vec![("config.json", "{}"), ("rootfs/a", "")], None),
            (vec![("./config.json", "{}"), ("./rootfs/a", "")], None),
            (vec![("rootfs/a", "")], Some("config not found")),
            (vec![("config.json", "{}")], Some("no rootfs found")),
        ] {
            let read = source(&archive(&files)).err().map(|refusal| refusal.message);
            assert_eq!(read.as_deref(), expected, "{files:?}");
        }
        assert!(source(b"{\"description\": 1}").is_err());
    }
}
