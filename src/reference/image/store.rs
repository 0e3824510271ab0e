//! The store: images by id, and the names that lead to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::refusal::Refusal;
use super::name::{Name, Reference};
use super::{Image, Images, Record};

impl Images {
    /// By name (`base`, `base:tag`, `base@sha256:…`), id, or the only id that begins so.
    pub(in crate::reference) fn find(&self, reference: &str) -> Result<Arc<Image>, Refusal> {
        let name = match Reference::parse(reference)? {
            Reference::Id(id) => return self.by_id(&id).cloned().ok_or_else(|| no_such(&id)),
            Reference::Name(name) => name,
        };
        if let Some(image) = self.named(&name) {
            return Ok(Arc::clone(image));
        }
        self.beginning(reference).cloned().ok_or_else(|| no_such(&tagged(&name).familiar()))
    }

    /// The tags of an image, `base:latest`.
    pub(in crate::reference) fn tags_of(&self, id: &str) -> Vec<String> {
        self.references(id).filter(|name| name.tag.is_some()).map(Name::familiar).collect()
    }

    /// The digests of an image, `base@sha256:…`.
    pub(super) fn digests_of(&self, id: &str) -> Vec<String> {
        self.references(id).filter(|name| name.digest.is_some()).map(Name::familiar).collect()
    }

    /// By its whole id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<Image>> {
        self.by_id.get(id).map(|record| &record.image)
    }

    /// By a name alone.
    pub(super) fn named(&self, name: &Name) -> Option<&Arc<Image>> {
        self.by_id(self.names.get(&name.exact())?)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.by_id.values()
    }

    /// The names of an image, in order.
    pub(super) fn references(&self, id: &str) -> impl Iterator<Item = &Name> {
        self.by_id.get(id).into_iter().flat_map(|record| &record.names)
    }

    /// Every name of a repository, and the image that it names.
    pub(super) fn of_repository(&self, repository: &Name) -> Vec<(Name, Arc<Image>)> {
        let bare = repository.bare();
        let own = self.names.iter().filter(|(name, _)| name.domain == bare.domain && name.path == bare.path);
        own.filter_map(|(name, id)| Some((name.clone(), Arc::clone(self.by_id(id)?)))).collect()
    }

    /// Whether an image was built on this one.
    pub(super) fn has_children(&self, id: &str) -> bool {
        self.iter().any(|record| record.image.parent == id)
    }

    /// Keeps an image; one with the same id that is there already stays.
    pub(super) fn insert(&mut self, image: Image) -> Arc<Image> {
        self.adopt(&Arc::new(image))
    }

    /// Keeps an image of the registry.
    pub(super) fn adopt(&mut self, image: &Arc<Image>) -> Arc<Image> {
        let record = Record { image: Arc::clone(image), names: BTreeSet::new(), tagged: None };
        let record = self.by_id.entry(image.id.clone()).or_insert(record);
        Arc::clone(&record.image)
    }

    /// Whether an image here has this chain of layers.
    pub(super) fn has_chain(&self, chain: &str) -> bool {
        self.iter().any(|record| record.image.chain.iter().any(|own| own == chain))
    }

    /// Gives an image a name, and takes it from the one that had it. The answer says whether anything is different now.
    pub(super) fn tag(&mut self, name: &Name, id: &str, now: Timestamp) -> bool {
        let name = name.exact();
        if self.names.get(&name).is_some_and(|had| had == id) {
            return false;
        }
        self.untag(&name);
        let Some(record) = self.by_id.get_mut(id) else { return false };
        if name.tag.is_some() {
            record.tagged = Some(now);
        }
        record.names.insert(name.clone());
        self.names.insert(name, id.to_owned());
        true
    }

    /// Takes a name away.
    pub(super) fn untag(&mut self, name: &Name) {
        let name = name.exact();
        if let Some(record) = self.names.remove(&name).and_then(|id| self.by_id.get_mut(&id)) {
            record.names.remove(&name);
        }
    }

    /// Forgets an image, and its names.
    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<Image>> {
        let record = self.by_id.remove(id)?;
        for name in &record.names {
            self.names.remove(name);
        }
        Some(record.image)
    }

    fn beginning(&self, text: &str) -> Option<&Arc<Image>> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let prefix = format!("sha256:{hex}");
        let mut found = self.by_id.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
        match (found.next(), found.next()) {
            (Some((_, record)), None) => Some(&record.image),
            _ => None,
        }
    }
}

/// dockerd's refusal.
pub(super) fn no_such(reference: &str) -> Refusal {
    Refusal::not_found(format!("No such image: {reference}"))
}

/// 12 digits of an id.
pub(super) fn short(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..12).unwrap_or(hex)
}

fn tagged(name: &Name) -> Name {
    if name.is_bare() { name.exact() } else { name.clone() }
}
