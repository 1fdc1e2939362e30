//! What a kind of object is to the API server.

/// A kind of object: the same facts for registrations, RBAC, `backfill`, `doctor` and metrics.
#[derive(Debug)]
pub struct Resource {
    /// The API group, empty for the core group.
    pub group: &'static str,
    /// The kind as Kubernetes writes it.
    pub kind: &'static str,
    /// The name in URLs and rules.
    pub plural: &'static str,
    /// The served versions that are asked for, the newest first.
    pub versions: &'static [&'static str],
    /// The label without which an object of this kind is of no interest.
    pub label: Option<&'static str>,
    /// What keys of attributes made of configured labels and annotations begin with.
    pub attribute_prefix: &'static str,
}

impl Resource {
    /// The version to ask for.
    pub fn version(&self) -> &'static str {
        self.versions.first().copied().unwrap_or("v1")
    }

    /// `plural.group`, as `kubectl` and the setting `TRACESTAMP_DISABLED_KIND` name it.
    pub fn name(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        (self.group, self.kind) == (other.group, other.kind)
    }
}

impl Eq for Resource {}
