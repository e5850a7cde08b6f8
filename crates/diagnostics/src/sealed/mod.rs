//! A sealed bundle: one file, `*.vouch`, with the manifest and every blob that it names.
//!
//! It is a plain tar: `manifest.json`, then `blobs/<sha256>.gz` by digest, each once and compressed by itself (one gzip member), then
//! `root`: the manifest's digest in hexadecimal, so that damage to the manifest shows too. So any blob can be read without those
//! before it, which is what an upload that resumes needs, and `tar` and `gunzip` are enough to look inside.
//!
//! A blob is the content of an entry of 1 MiB or more, or a *pack*: smaller contents one behind another, at most 4 MiB, in the order
//! in which they came. Equal contents lie there once. The manifest says which pack an entry's content lies in, and where
//! ([`Manifest::place`](crate::Manifest::place)); nothing in a pack belongs to no entry. Whoever wants an entry asks for
//! [`SealedBundle::content`], whoever transfers the bundle for its [blobs](SealedBundle::blobs).
//!
//! [`seal`](crate::seal) writes one with flat memory, a pack at most; [`SealedBundle`] opens it and believes nothing that it did not
//! verify: in one pass each blob's digest, and within packs each entry's.
//!
//! Where the manifest says that there is a table of pseudonyms, it lies before the root as `pseudonyms.age`, encrypted. It is no blob: no
//! manifest names it, so that it goes nowhere with the bundle.
//!
//! Against somebody who writes a manifest *and* a root of their own no file can speak for itself: that is what the partner's
//! signature at the commit, and the root in the vendor's receipt, are for.

mod content;
mod open;
mod spool;
mod write;

pub use content::Content;
pub use open::{Blob, SealedBundle};
pub(crate) use write::{About, Sealer};

use std::io;
use std::path::PathBuf;

use crate::{Digest, ManifestError};

/// The manifest's name within the file.
const MANIFEST: &str = "manifest.json";
/// The name of the table of pseudonyms within the file.
const PSEUDONYMS: &str = "pseudonyms.age";
/// The name of the manifest's digest within the file: its last entry.
const ROOT: &str = "root";

/// A blob's name within the file.
fn blob_name(digest: Digest) -> String {
    format!("blobs/{digest}.gz")
}

/// Why a sealed bundle is not taken, or not written.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The file cannot be read or written.
    #[error("the bundle cannot be read or written")]
    Io(#[from] io::Error),
    /// There is a file already.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// It is no sealed bundle, or it ends too early.
    #[error("the file is no sealed bundle, or is cut off or damaged")]
    Malformed,
    /// The manifest is not the one that was sealed.
    #[error("the manifest is not the one that was sealed: its digest is {0}, which the file's root does not say")]
    Root(Digest),
    /// Its manifest is not taken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A blob that the manifest names is not in it.
    #[error("blob {0} is missing")]
    Missing(Digest),
    /// The table of pseudonyms that the manifest speaks of is not in it.
    #[error("the table of pseudonyms is missing")]
    NoTable,
    /// It has something that the manifest does not name, or not in its place.
    #[error("the file has something that its manifest does not name, or not in its place: {0}")]
    Extra(String),
    /// A blob is not what its digest says.
    #[error("blob {0} is not what its digest says")]
    Mismatch(Digest),
    /// What lies in a pack is not what an entry says of it.
    #[error("the content of {0} is not what its digest says")]
    Content(String),
}
