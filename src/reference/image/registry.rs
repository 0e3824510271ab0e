//! The registry in memory: a few small images that are built in, and what was pushed. It stands for Docker Hub, and for a registry on port 5000
//! of this machine.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::files::{FileError, Files, base};
use super::configuration::Draft;
use super::layer::{Layer, compressed, digest};
use super::name::Name;
use super::{Image, Origin, Step, config};

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// When the images that are built in were made.
const BUILT: i64 = 1_727_386_302;

/// What a registry keeps of an image.
#[derive(Debug)]
pub(super) struct Published {
    /// The digest of its manifest.
    pub(super) digest: String,
    /// The manifest's length.
    pub(super) manifest_size: usize,
    /// The digest and length of each layer's blob.
    pub(super) blobs: Vec<(String, u64)>,
    /// The image. It has no parent.
    pub(super) image: Arc<Image>,
}

/// The registry.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pushed: BTreeMap<Name, Arc<Published>>,
}

/// Why a registry does not have what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nobody listens there; Go's sentence about it.
    Host(String),
    /// There is no such repository.
    Repository,
    /// The repository has no such tag or digest.
    Manifest,
}

impl Registry {
    /// What a name with a tag or digest leads to.
    pub(super) fn lookup(&self, name: &Name) -> Result<Arc<Published>, Missing> {
        if let Some(sentence) = unreachable(name) {
            return Err(Missing::Host(sentence));
        }
        let all = self.repository(name);
        if all.is_empty() {
            return Err(Missing::Repository);
        }
        let wanted = name.exact();
        let fits = |(tag, published): &&(String, Arc<Published>)| match (&wanted.digest, &wanted.tag) {
            (Some(digest), _) => published.digest == *digest,
            (None, wanted) => wanted.as_ref() == Some(tag),
        };
        all.iter().find(fits).map(|(_, published)| Arc::clone(published)).ok_or(Missing::Manifest)
    }

    /// The tags of a repository, and what they lead to. Empty when there is none.
    pub(super) fn repository(&self, name: &Name) -> Vec<(String, Arc<Published>)> {
        let mut all: BTreeMap<String, Arc<Published>> = BTreeMap::new();
        if let Some(repository) = built_in(name) {
            for edition in repository.editions {
                for tag in edition.tags {
                    all.insert((*tag).to_owned(), repository.publish(edition));
                }
            }
        }
        for (pushed, published) in &self.pushed {
            if pushed.domain == name.domain && pushed.path == name.path {
                all.insert(pushed.tag.clone().unwrap_or_default(), Arc::clone(published));
            }
        }
        all.into_iter().collect()
    }

    /// Keeps an image under a tag.
    pub(super) fn push(&mut self, name: &Name, image: &Arc<Image>) -> Arc<Published> {
        let published = publish(Arc::clone(image));
        self.pushed.insert(name.exact(), Arc::clone(&published));
        published
    }
}

/// Go's sentence about a registry that does not answer; none when it does.
pub(super) fn unreachable(name: &Name) -> Option<String> {
    let domain = &name.domain;
    let is_local = is_local(domain);
    if name.is_default_domain() || (is_local && domain.ends_with(":5000")) {
        return None;
    }
    let scheme = if is_local { "http" } else { "https" };
    Some(format!("Get \"{scheme}://{domain}/v2/\": {}", dial(domain, if is_local { "80" } else { "443" })))
}

/// Whether a registry is on this machine.
pub(super) fn is_local(domain: &str) -> bool {
    let host = domain.split_once(':').map_or(domain, |(host, _)| host);
    host == "localhost" || host == "127.0.0.1"
}

/// Go's words about a host at which nobody listens.
pub(super) fn dial(domain: &str, default_port: &str) -> String {
    let (host, port) = domain.split_once(':').unwrap_or((domain, default_port));
    if is_local(host) {
        format!("dial tcp 127.0.0.1:{port}: connect: connection refused")
    } else if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        format!("dial tcp {host}:{port}: connect: connection refused")
    } else {
        format!("dial tcp: lookup {host}: no such host")
    }
}

/// A repository that is built in.
pub(super) struct Repository {
    /// `busybox`.
    pub(super) name: &'static str,
    /// What a search says about it.
    pub(super) description: &'static str,
    /// How many like it.
    pub(super) stars: u32,
    flavour: &'static str,
    command: &'static [&'static str],
    editions: &'static [Edition],
}

/// An image of a repository.
struct Edition {
    version: &'static str,
    tags: &'static [&'static str],
    kept: OnceLock<Arc<Published>>,
}

impl Edition {
    const fn new(version: &'static str, tags: &'static [&'static str]) -> Self {
        Self { version, tags, kept: OnceLock::new() }
    }
}

static ALPINE: [Edition; 14] = [
    Edition::new("3.20.3", &["latest", "3", "3.20", "3.20.3"]),
    Edition::new("3.21.0", &["3.21", "3.21.0", "edge"]),
    Edition::new("3.19.4", &["3.19", "3.19.4"]),
    Edition::new("3.18.9", &["3.18", "3.18.9"]),
    Edition::new("3.17.10", &["3.17", "3.17.10"]),
    Edition::new("3.16.9", &["3.16", "3.16.9"]),
    Edition::new("3.15.11", &["3.15", "3.15.11"]),
    Edition::new("3.14.10", &["3.14", "3.14.10"]),
    Edition::new("3.13.12", &["3.13", "3.13.12"]),
    Edition::new("3.12.12", &["3.12", "3.12.12"]),
    Edition::new("3.11.13", &["3.11", "3.11.13"]),
    Edition::new("3.10.9", &["3.10", "3.10.9"]),
    Edition::new("3.9.6", &["3.9", "3.9.6"]),
    Edition::new("3.8.5", &["3.8", "3.8.5"]),
];

static BUSYBOX: [Edition; 6] = [
    Edition::new("1.36.1", &["latest", "stable", "1", "1.36", "1.36.1", "glibc", "musl", "uclibc"]),
    Edition::new("1.37.0", &["1.37", "1.37.0", "unstable"]),
    Edition::new("1.35.0", &["1.35", "1.35.0"]),
    Edition::new("1.34.1", &["1.34", "1.34.1"]),
    Edition::new("1.31.1", &["1.31", "1.31.1"]),
    Edition::new("1.26.2", &["1.26", "1.26.2"]),
];

static DEBIAN: [Edition; 2] = [
    Edition::new("12", &["latest", "stable", "stable-slim", "bookworm", "bookworm-slim", "12", "12-slim"]),
    Edition::new("11", &["oldstable", "bullseye", "bullseye-slim", "11", "11-slim"]),
];

static UBUNTU: [Edition; 4] = [
    Edition::new("24.04", &["latest", "24.04", "noble"]),
    Edition::new("22.04", &["22.04", "jammy"]),
    Edition::new("20.04", &["20.04", "focal"]),
    Edition::new("18.04", &["18.04", "bionic"]),
];

static HELLO: [Edition; 1] = [Edition::new("1", &["latest", "linux"])];

/// All that are built in.
pub(super) static BUILT_IN: [Repository; 5] = [
    Repository {
        name: "alpine",
        description: "A small system with a shell, as Alpine Linux lays it out.",
        stars: 11_000,
        flavour: "alpine",
        command: &["/bin/sh"],
        editions: &ALPINE,
    },
    Repository {
        name: "busybox",
        description: "A shell and its programs in one small image.",
        stars: 3_300,
        flavour: "busybox",
        command: &["sh"],
        editions: &BUSYBOX,
    },
    Repository {
        name: "debian",
        description: "A shell and its programs, under the name of Debian.",
        stars: 5_100,
        flavour: "busybox",
        command: &["bash"],
        editions: &DEBIAN,
    },
    Repository {
        name: "hello-world",
        description: "One program that says hello.",
        stars: 2_300,
        flavour: "hello-world",
        command: &["/hello"],
        editions: &HELLO,
    },
    Repository {
        name: "ubuntu",
        description: "A shell and its programs, under the name of Ubuntu.",
        stars: 17_000,
        flavour: "busybox",
        command: &["/bin/bash"],
        editions: &UBUNTU,
    },
];

fn built_in(name: &Name) -> Option<&'static Repository> {
    let path = name.is_default_domain().then(|| name.path.strip_prefix("library/"))??;
    BUILT_IN.iter().find(|repository| repository.name == path)
}

impl Repository {
    fn publish(&self, edition: &Edition) -> Arc<Published> {
        Arc::clone(edition.kept.get_or_init(|| publish(Arc::new(self.image(edition)))))
    }

    fn image(&self, edition: &Edition) -> Image {
        let built = Timestamp::from_second(BUILT).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut files = base(self.flavour, built).unwrap_or_default();
        // What cannot be written is left as it is: the image is only less like its model.
        let _ = self.furnish(&mut files, edition, built);
        let layer = Layer::between(&Files::new(), &files);
        let added = layer.diff_id.strip_prefix("sha256:").unwrap_or_default().to_owned();
        let quoted: Vec<String> = self.command.iter().map(|word| format!("{word:?}")).collect();
        let step = |created_by: String, empty_layer| Step {
            created: built,
            created_by,
            comment: String::new(),
            author: String::new(),
            empty_layer,
        };
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        Draft {
            parent: String::new(),
            created: built,
            config: config::normal(&json!({ "Env": [path], "Cmd": self.command })),
            files,
            origin: Origin { docker_version: "20.10.24".to_owned(), ..Origin::elsewhere() },
            layers: vec![layer],
            history: vec![
                step(format!("/bin/sh -c #(nop) ADD file:{added} in / "), false),
                step(format!("/bin/sh -c #(nop)  CMD [{}]", quoted.join(" ")), true),
            ],
        }
        .finish()
    }

    fn furnish(&self, files: &mut Files, edition: &Edition, built: Timestamp) -> Result<(), FileError> {
        let release = |name: &str, id: &str| {
            let version = edition.version;
            Bytes::from(format!("NAME=\"{name}\"\nID={id}\nVERSION_ID={version}\nPRETTY_NAME=\"{name} {version}\"\n"))
        };
        match self.name {
            "alpine" => {
                files.write("/etc/alpine-release", Bytes::from(format!("{}\n", edition.version)), 0o644, built)?;
                files.write("/etc/os-release", release("Alpine Linux", "alpine"), 0o644, built)
            }
            "debian" | "ubuntu" => {
                files.symlink("sh", "/bin/bash", built)?;
                let name = if self.name == "debian" { "Debian GNU/Linux" } else { "Ubuntu" };
                files.write("/etc/os-release", release(name, self.name), 0o644, built)
            }
            "busybox" => files.write("/etc/busybox-release", Bytes::from(format!("{}\n", edition.version)), 0o644, built),
            _ => Ok(()),
        }
    }
}

/// Makes the manifest of an image.
fn publish(image: Arc<Image>) -> Arc<Published> {
    let blobs: Vec<(String, u64)> = image
        .layers
        .iter()
        .map(|layer| {
            let blob = compressed(&layer.archive);
            (digest(&blob), blob.len() as u64)
        })
        .collect();
    let layers: Vec<Value> = blobs.iter().map(|(digest, size)| json!({ "mediaType": LAYER, "size": size, "digest": digest })).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "size": image.configuration.len(), "digest": image.id },
        "layers": layers,
    })
    .to_string();
    Arc::new(Published { digest: digest(manifest.as_bytes()), manifest_size: manifest.len(), blobs, image })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect(text)
    }

    #[test]
    fn small_images_are_built_in() {
        let registry = Registry::default();
        for (text, found) in [
            ("busybox", None),
            ("docker.io/library/alpine:3.10", None),
            ("hello-world:linux", None),
            ("busybox:nope", Some(Missing::Manifest)),
            ("library/nope", Some(Missing::Repository)),
            ("a/busybox", Some(Missing::Repository)),
            ("scratch", Some(Missing::Repository)),
        ] {
            assert_eq!(registry.lookup(&name(text)).err(), found, "{text}");
        }
        let busybox = registry.lookup(&name("busybox")).expect("busybox");
        assert!(busybox.image.files.exists("/bin/sh"));
        let again = registry.lookup(&name("busybox").with_digest(&busybox.digest)).expect("by digest");
        assert_eq!(again.image.id, busybox.image.id);
        assert_ne!(
            registry.lookup(&name("alpine:3.10")).expect("alpine").image.id,
            registry.lookup(&name("alpine")).expect("alpine").image.id
        );
    }

    #[test]
    fn hosts_that_are_not_there_are_told_in_gos_words() {
        for (text, sentence) in [
            ("localhost:1/hk", "Get \"http://localhost:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused"),
            ("registry.example/a", "Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host"),
            ("10.0.0.1:9/a", "Get \"https://10.0.0.1:9/v2/\": dial tcp 10.0.0.1:9: connect: connection refused"),
        ] {
            assert_eq!(unreachable(&name(text)).as_deref(), Some(sentence), "{text}");
        }
        assert_eq!(unreachable(&name("localhost:5000/a")), None);
    }
}
