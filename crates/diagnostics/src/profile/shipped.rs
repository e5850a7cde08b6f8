//! The profiles that this program brings along: to be used as they are, and to begin one's own with.

const SHIPPED: [(&str, &str); 3] = [
    ("linux-host", include_str!("../collect/linux-host-1.toml")),
    ("postgresql-server", include_str!("../collect/postgresql-server-1.toml")),
    ("kubernetes-node", include_str!("../collect/kubernetes-node-1.toml")),
];

/// The text of one, by its name.
pub(super) fn text(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}
