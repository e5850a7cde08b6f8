//! Where parts lie: a local folder, or S3.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use vouch_core::World;

use super::{Blobs, LEASE};
use crate::{Store, StoreError};

/// Where parts lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a folder of this machine, synced to disk before they are named.
    Folder(PathBuf),
    /// In a bucket that is spoken to as S3 is.
    S3(Bucket),
}

/// A bucket. Its credentials come from a file or from the environment and are not in here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Where it is served: `https://host:port`; empty for the region's own.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// What the names of objects begin with; may be empty.
    pub prefix: String,
    /// A file with the key in two lines, id and secret; `None` to take what the environment says.
    pub credentials: Option<PathBuf>,
}

impl Blobs {
    /// Keeps parts where the operator wants them.
    pub fn open(store: Store, place: &Place, world: World) -> Result<Self, StoreError> {
        match place {
            Place::Folder(folder) => Self::local(store, folder, world),
            Place::S3(bucket) => Ok(Self::on(store, connect(bucket)?, None, world)),
        }
    }

    /// Keeps parts in a local folder, synced to disk before they are named.
    pub fn local(store: Store, folder: &Path, world: World) -> Result<Self, StoreError> {
        let cannot = |error: String| StoreError::Setup(format!("the blob folder {}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|error| cannot(error.to_string()))?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| cannot(error.to_string()))?;
        let objects = Arc::new(objects.with_fsync(true).with_automatic_cleanup(true));
        Ok(Self::on(store, objects, Some(folder.into()), world))
    }

    /// Keeps parts in an object store that a test holds in its hands.
    #[cfg(feature = "testing")]
    pub fn in_store(store: Store, objects: Arc<dyn ObjectStore>, world: World) -> Self {
        Self::on(store, objects, None, world)
    }

    fn on(store: Store, objects: Arc<dyn ObjectStore>, folder: Option<Arc<Path>>, world: World) -> Self {
        Self { store, objects, folder, world, lease: LEASE, quota: None }
    }
}

#[cfg(feature = "s3")]
fn connect(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, StoreError> {
    use object_store::aws::AmazonS3Builder;
    use object_store::prefix::PrefixStore;

    let cannot = |error: String| StoreError::Setup(format!("the bucket {}: {error}", bucket.name));
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(&bucket.name).with_region(&bucket.region);
    if !bucket.endpoint.is_empty() {
        // Without TLS only where the operator says so by the address.
        builder = builder.with_endpoint(&bucket.endpoint).with_allow_http(bucket.endpoint.starts_with("http://"));
    }
    if let Some(file) = &bucket.credentials {
        let text = std::fs::read_to_string(file).map_err(|error| cannot(format!("{}: {error}", file.display())))?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (Some(id), Some(secret), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err(cannot(format!("{} must have two lines, id and secret of a key", file.display())));
        };
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    let objects = builder.build().map_err(|error| cannot(error.to_string()))?;
    if bucket.prefix.is_empty() {
        return Ok(Arc::new(objects));
    }
    Ok(Arc::new(PrefixStore::new(objects, bucket.prefix.as_str())))
}

#[cfg(not(feature = "s3"))]
fn connect(bucket: &Bucket) -> Result<Arc<dyn ObjectStore>, StoreError> {
    Err(StoreError::Setup(format!("the bucket {}: this program was built without the feature s3", bucket.name)))
}
