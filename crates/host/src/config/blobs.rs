//! `[blobs]`: where diagnostics lie, at every service that takes them in.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vouch_storage::blobs::{Bucket, Place};

use super::Loaded;

/// `[blobs]`: where diagnostics lie: `folder`, or `s3`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSettings {
    /// A folder that only the service may read. It is made when it is missing.
    #[serde(skip_serializing_if = "is_empty")]
    pub folder: PathBuf,
    /// A bucket instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Settings>,
}

/// `s3` in `[blobs]`: a bucket. Its key comes from a file or from the environment, as that of every tool that speaks S3 does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Settings {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where it is served: `https://host:port`; empty for the region's own.
    pub endpoint: String,
    /// What the names of objects begin with; may be empty.
    pub prefix: String,
    /// A file with the key in two lines, id and secret; without it, the environment is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
}

impl BlobSettings {
    /// Takes the section out of what was loaded; problems are noted there.
    pub fn take(loaded: &mut Loaded) -> Self {
        let mut blobs: Self = loaded.section("blobs");
        match (is_empty(&blobs.folder), &mut blobs.s3) {
            (true, None) => {
                loaded.problems.add("blobs.folder", "is required: a folder for diagnostics, or s3, a bucket");
            }
            (false, Some(_)) => loaded.problems.add("blobs", "must have either folder or s3"),
            (false, None) => blobs.folder = loaded.path(&blobs.folder),
            (true, Some(s3)) => s3.check(loaded),
        }
        blobs
    }

    /// The place that is meant.
    pub fn place(&self) -> Place {
        match &self.s3 {
            None => Place::Folder(self.folder.clone()),
            Some(s3) => Place::S3(Bucket {
                name: s3.bucket.clone(),
                endpoint: s3.endpoint.clone(),
                region: s3.region.clone(),
                prefix: s3.prefix.clone(),
                credentials: s3.credentials.clone(),
            }),
        }
    }
}

impl S3Settings {
    fn check(&mut self, loaded: &mut Loaded) {
        for (place, value) in [("blobs.s3.bucket", &self.bucket), ("blobs.s3.region", &self.region)] {
            if value.is_empty() {
                loaded.problems.add(place, "is required");
            }
        }
        let has_scheme = self.endpoint.starts_with("https://") || self.endpoint.starts_with("http://");
        if !self.endpoint.is_empty() && !has_scheme {
            loaded
                .problems
                .add("blobs.s3.endpoint", "must begin with https://, or with http:// on a network of your own");
        }
        if let Some(file) = &mut self.credentials {
            *file = loaded.path(file);
            if !file.is_file() {
                loaded.problems.add("blobs.s3.credentials", format!("{} is not a file", file.display()));
            }
        }
    }
}

fn is_empty(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn take(text: &str) -> (BlobSettings, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vouch.toml");
        std::fs::write(&path, text).unwrap();
        let mut loaded = load(Some(&path), []);
        let blobs = BlobSettings::take(&mut loaded);
        (blobs, loaded.finish().iter().map(|problem| problem.place.clone()).collect())
    }

    #[test]
    fn blobs_lie_in_a_folder_or_in_a_bucket_and_not_in_both() {
        let table: [(&str, &[&str]); 6] = [
            ("[blobs]\nfolder = 'here'", &[]),
            ("[blobs]\ns3 = { bucket = 'b', region = 'eu' }", &[]),
            ("", &["blobs.folder"]),
            ("[blobs]\nfolder = 'here'\ns3 = { bucket = 'b', region = 'eu' }", &["blobs"]),
            ("[blobs]\ns3 = { endpoint = 'b' }", &["blobs.s3.bucket", "blobs.s3.region", "blobs.s3.endpoint"]),
            ("[blobs]\ns3 = { bucket = 'b', region = 'eu', secret = 'x' }", &["blobs", "blobs.folder"]),
        ];
        for (text, expected) in table {
            assert_eq!(take(text).1, expected, "{text}");
        }
        assert!(matches!(take(table[0].0).0.place(), Place::Folder(folder) if folder.ends_with("here")));
        assert!(matches!(take(table[1].0).0.place(), Place::S3(bucket) if bucket.name == "b"));
    }
}
