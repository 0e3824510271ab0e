//! `POST /images/create`: pulls from the registry in memory, with the progress that dockerd tells.

use std::sync::Arc;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::configuration::{ARCHITECTURE, OS};
use super::layer::chain_ids;
use super::name::Name;
use super::progress::{self, Left, Progress};
use super::registry::{Missing, Published};
use super::store::short;
use super::{Image, Images, import};

/// Answers `POST /images/create`.
pub(super) async fn create(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let platform = Platform::asked(&call)?;
    if call.query.text("fromImage").is_empty() {
        return import::answer(engine, call).await;
    }
    // A name with nothing behind the colon asks for all tags.
    let image = call.query.text("fromImage");
    let name = Name::parse_with(image.strip_suffix(':').unwrap_or(image), call.query.text("tag"))?;
    let found = {
        let state = engine.state();
        state.images.available(&name)?
    };
    let (progress, documents) = Progress::new();
    let engine = Arc::clone(engine);
    tokio::spawn(async move {
        // The client left: what was pulled until then stays.
        let _: Result<(), Left> = pull(&engine, &name, &found, platform.as_ref(), &progress).await;
    });
    Ok(progress::answer(&call, documents))
}

impl Images {
    /// What the registry has of a name; every tag, if it says none.
    pub(super) fn available(&self, name: &Name) -> Result<Vec<(Name, Arc<Published>)>, Refusal> {
        if name.domain == "docker.io" && name.path == "library/scratch" {
            return Err(Refusal::forbidden("'scratch' is a reserved name"));
        }
        if !name.is_bare() {
            let published = self.registry.lookup(name).map_err(|missing| refusal(name, missing))?;
            return Ok(vec![(name.clone(), published)]);
        }
        // Only the host and the repository matter here.
        match self.registry.lookup(name) {
            Err(missing @ (Missing::Host(_) | Missing::Repository)) => return Err(refusal(name, missing)),
            Ok(_) | Err(Missing::Manifest) => {}
        }
        let tags = self.registry.repository(name);
        tags.into_iter().map(|(tag, published)| Ok((name.with_tag(&tag)?, published))).collect()
    }

    /// Keeps a pulled image under its name and digest. The flag says whether that is new.
    pub(super) fn take(&mut self, name: &Name, published: &Published, now: jiff::Timestamp) -> (Arc<Image>, bool) {
        let image = match self.by_id(&published.image.id) {
            Some(image) => Arc::clone(image),
            None => self.adopt(&published.image),
        };
        let mut new = self.tag(&name.with_digest(&published.digest), &image.id, now);
        if name.digest.is_none() {
            new = self.tag(name, &image.id, now) || new;
        }
        (image, new)
    }
}

fn refusal(name: &Name, missing: Missing) -> Refusal {
    let familiar = name.familiar_name();
    match missing {
        Missing::Host(sentence) => Refusal::server_error(sentence),
        Missing::Repository => Refusal::not_found(format!(
            "pull access denied for {familiar}, repository does not exist or may require 'docker login': \
             denied: requested access to the resource is denied"
        )),
        Missing::Manifest => {
            Refusal::not_found(format!("manifest for {} not found: manifest unknown: manifest unknown", name.exact().familiar()))
        }
    }
}

/// Pulls one image for a build, and tells how it goes.
pub(super) async fn fetch(
    engine: &Engine,
    name: &Name,
    platform: Option<&Platform>,
    progress: &Progress,
) -> Result<Result<(), Refusal>, Left> {
    let found = engine.state().images.available(name);
    let found = match found {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(platform) = platform.filter(|platform| !platform.is_ours()) {
        return Ok(Err(Refusal::not_found(format!("no matching manifest for {platform} in the manifest list entries"))));
    }
    pull(engine, name, &found, None, progress).await.map(Ok)
}

async fn pull(
    engine: &Engine,
    asked: &Name,
    found: &[(Name, Arc<Published>)],
    platform: Option<&Platform>,
    progress: &Progress,
) -> Result<(), Left> {
    let mut any = false;
    for (name, published) in found {
        let tag = name.digest.as_ref().map_or_else(|| name.tag.clone().unwrap_or_default(), |_| name.familiar());
        progress.send(serde_json::json!({ "status": format!("Pulling from {}", name.path), "id": tag })).await?;
        if let Some(platform) = platform.filter(|platform| !platform.is_ours()) {
            let message = format!("no matching manifest for {platform} in the manifest list entries");
            return progress.error(&Refusal::not_found(message)).await;
        }
        layers(engine, published, progress).await?;
        let new = {
            let mut state = engine.state();
            let new = state.images.take(name, published, engine.now()).1;
            engine.emit_image(&mut state, "pull", &name.familiar(), &name.familiar_name());
            new
        };
        any |= new;
        progress.status(format!("Digest: {}", published.digest)).await?;
    }
    let what = asked.familiar();
    progress
        .status(if any { format!("Status: Downloaded newer image for {what}") } else { format!("Status: Image is up to date for {what}") })
        .await
}

/// Tells of each layer how it comes; those that an image here has are here already.
async fn layers(engine: &Engine, published: &Published, progress: &Progress) -> Result<(), Left> {
    let diff_ids: Vec<&str> = published.image.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    let present = {
        let state = engine.state();
        if state.images.by_id(&published.image.id).is_some() {
            return Ok(());
        }
        let chains = chain_ids(diff_ids);
        chains.iter().map(|chain| state.images.has_chain(chain)).collect::<Vec<_>>()
    };
    let blobs: Vec<(&str, u64, bool)> =
        published.blobs.iter().zip(present).map(|((digest, size), present)| (short(digest), *size, present)).collect();
    for (id, _, present) in &blobs {
        progress.layer(id, if *present { "Already exists" } else { "Pulling fs layer" }).await?;
    }
    for (id, size, _) in blobs.iter().filter(|(.., present)| !present) {
        for part in [size / 3, *size] {
            progress.bar(id, "Downloading", part, *size).await?;
        }
        progress.layer(id, "Verifying Checksum").await?;
        progress.layer(id, "Download complete").await?;
    }
    for (id, size, _) in blobs.iter().filter(|(.., present)| !present) {
        for part in [size / 2, *size] {
            progress.bar(id, "Extracting", part, *size).await?;
        }
        progress.layer(id, "Pull complete").await?;
    }
    Ok(())
}

/// `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

impl Platform {
    /// What the parameter of a call asks for.
    pub(super) fn asked(call: &Call) -> Result<Option<Self>, Refusal> {
        match call.query.text("platform") {
            "" => Ok(None),
            _ if !call.since(32) => Ok(None),
            text => Self::parse(text).map(Some),
        }
    }

    /// Reads `os`, `architecture`, `os/architecture` or `os/architecture/variant`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::bad_parameter(format!("{text:?}: unknown operating system or architecture: invalid argument"));
        let parts: Vec<&str> = text.split('/').collect();
        let word =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if let Some(bad) = parts.iter().find(|part| !word(part)) {
            return Err(Refusal::bad_parameter(format!(
                "{bad:?} is an invalid component of {text:?}: platform specifier component must match \"^[A-Za-z0-9_-]+$\": invalid argument"
            )));
        }
        let lower: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
        let is_os = |os: &str| matches!(os, "linux" | "windows" | "darwin" | "freebsd" | "netbsd" | "openbsd" | "solaris");
        let architecture = |word: &str, variant: &str| -> Option<(String, String)> {
            let (name, kind) = match word {
                "amd64" | "x86_64" | "x86-64" => ("amd64", ""),
                "386" | "i386" => ("386", ""),
                "arm64" | "aarch64" => ("arm64", if variant == "v8" { "" } else { variant }),
                "arm" | "armhf" => ("arm", if variant.is_empty() { "v7" } else { variant }),
                "armel" => ("arm", "v6"),
                "ppc64le" | "s390x" | "riscv64" | "mips64le" | "mips64" | "ppc64" | "mips" | "mipsle" | "loong64" | "wasm" => {
                    (word, variant)
                }
                _ => return None,
            };
            Some((name.to_owned(), kind.to_owned()))
        };
        let (os, (architecture, variant)) = match lower.as_slice() {
            [one] if is_os(one) => (one.clone(), (ARCHITECTURE.to_owned(), String::new())),
            [one] => (OS.to_owned(), architecture(one, "").ok_or_else(unknown)?),
            [os, word] => (os.clone(), architecture(word, "").unwrap_or((word.clone(), String::new()))),
            [os, word, variant] => (os.clone(), architecture(word, variant).unwrap_or((word.clone(), variant.clone()))),
            _ => return Err(Refusal::bad_parameter(format!("{text:?}: cannot parse platform specifier: invalid argument"))),
        };
        if os != OS {
            return Err(Refusal::bad_parameter(format!("\"{os}\": unsupported operating system")));
        }
        Ok(Self { os, architecture, variant })
    }

    /// Whether images for it are those that this daemon runs.
    pub(super) fn is_ours(&self) -> bool {
        self.os == OS && self.architecture == ARCHITECTURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read() {
        for (text, expected) in [
            ("linux", Some("linux/amd64")),
            ("amd64", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("linux/arm64/v8", Some("linux/arm64")),
            ("linux/arm", Some("linux/arm/v7")),
            ("bogus", None),
            ("windows/amd64", None),
            ("linux//", None),
            ("a/b/c/d", None),
        ] {
            assert_eq!(Platform::parse(text).ok().map(|platform| platform.to_string()).as_deref(), expected, "{text}");
        }
    }
}
