//! Reports of other tools, by the folder that holds all of them.

/// A report of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// One of `sos report`.
    Sos,
    /// A support bundle of a Kubernetes cluster.
    Kubernetes,
}

impl Report {
    /// What a path is part of, and the path without the report's own folder: its name holds the host's and the time, and
    /// everything within has its one name without it.
    pub(super) fn of(path: &str) -> (Option<Self>, &str) {
        let Some((folder, inner)) = path.split_once('/') else { return (None, path) };
        if folder.starts_with("sosreport-") {
            (Some(Self::Sos), inner)
        } else if folder.starts_with("support-bundle-") || folder.starts_with("supportbundle_") {
            (Some(Self::Kubernetes), inner)
        } else {
            (None, path)
        }
    }

    /// The profile that a bundle of it has: `name/version`.
    pub(super) fn profile(self) -> &'static str {
        match self {
            Self::Sos => "sos-report/1",
            Self::Kubernetes => "kubernetes-bundle/1",
        }
    }
}
