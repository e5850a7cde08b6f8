//! Publishing profiles.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::{Error, Violations};
use vouch_storage::{WriteError, analyses};

use crate::domain::profile::PublishedProfile;
use crate::store::profiles::profile_insert;

/// What became of a profile that was to be published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The profile, as it was published first.
    pub profile: PublishedProfile,
    /// Whether it was published now, and not before.
    pub is_new: bool,
}

/// Publishes a version of a profile, for good, or finds that the same was published before. `unknown` is what the catalogue says of its
/// products, where somebody could look. Bundles that waited for the profile are analysed.
pub async fn publish(
    tx: &mut AnyConnection,
    profile: &PublishedProfile,
    unknown: Option<&Violations>,
    now: Timestamp,
) -> Result<Published, WriteError> {
    let (there, is_new) = profile_insert(tx, profile).await?;
    profile.edition.check_repeat(&there.edition)?;
    // A version belongs to its products for good: a slip of the pen is not to use it up.
    if is_new && let Some(unknown) = unknown {
        unknown.clone().finish(Some(())).map_err(Error::from)?;
    }
    analyses::reopen(tx, &there.edition.title(), now).await?;
    Ok(Published { profile: there, is_new })
}
