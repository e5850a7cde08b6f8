//! Vendors' profiles, fetched and verified, and kept so that they are there when the vendor is not.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use tonic::{Code, Status};
use vouch_contract::convert::instant;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::code::{ProductId, ProfileName, ProfileTitle, VendorId};
use vouch_core::{Error, Kind, Reason, World};
use vouch_diagnostics::Digest;
use vouch_diagnostics::profile::Profile;
use vouch_proof::KeySet;
use vouch_storage::{Store, StoreError, WriteError, analyses};

use crate::domain::profile::{Kept, VendorProfile};
use crate::links::{Link, Links, as_error, within};
use crate::store::profiles as store;

/// A vendor that offers more pages of profiles is read no further.
const MAX_PAGES: usize = 50;
/// How many there are on a page.
const PAGE: i32 = 200;

/// Keeps the profiles of vendors.
#[derive(Debug, Clone)]
pub struct Profiles {
    /// The database.
    pub store: Store,
    /// Clock and entropy.
    pub world: World,
    /// The ways to the vendors.
    pub links: Links,
}

impl Profiles {
    /// Brings what is kept of a vendor in line with what it offers. Any organisation's way will do: what is asked is the same for all.
    pub async fn follow(&self, vendor_id: &VendorId) -> Result<(), String> {
        let mut told = Ok(());
        for link in self.links.all().filter(|link| link.vendor_id == *vendor_id) {
            told = self.follow_over(link).await;
            if told.is_ok() {
                break;
            }
        }
        told
    }

    /// A version of a profile that is what its vendor signed: as it is kept, or else from the vendor. `None` when the vendor knows
    /// none; without a version it is the newest that it offers.
    pub async fn get(
        &self,
        vendor_id: &VendorId,
        name: &ProfileName,
        version: Option<u32>,
    ) -> Result<Option<VendorProfile>, Error> {
        let mut snapshot = self.store.snapshot().await?;
        let kept = store::profile_fetch(&mut snapshot, vendor_id, name, version).await?;
        drop(snapshot);
        let mut told = Ok(None);
        for link in self.links.all().filter(|link| link.vendor_id == *vendor_id) {
            // Invariant: what is kept is held against its signature each time that it is given out.
            match kept.as_ref().map(|kept| (kept, kept.check(&link.audience))) {
                Some((kept, Ok(()))) => return Ok(Some(kept.clone())),
                Some((kept, Err(problem))) => {
                    let error = not_genuine(format!("the profile {} that is kept: {problem}", kept.title()));
                    // The vendor may have it as it was.
                    return self.fetch(link, name, version).await.map(Some).map_err(|_| error);
                }
                None => {}
            }
            told = match self.fetch(link, name, version).await {
                Err(Trouble::Vendor(status)) if status.code() == Code::NotFound => return Ok(None),
                Err(Trouble::Vendor(status)) => Err(as_error(&status)),
                Err(Trouble::NotGenuine(problem)) => return Err(not_genuine(problem)),
                Err(Trouble::Own(error)) => return Err(error),
                Ok(profile) => return Ok(Some(profile)),
            };
        }
        told
    }

    /// A version of a profile, where it is kept here as its vendor signed it. The vendor is not asked.
    pub async fn kept(
        &self,
        connection: &mut AnyConnection,
        vendor_id: &VendorId,
        title: &ProfileTitle,
    ) -> Result<Option<Profile>, StoreError> {
        let kept = store::profile_fetch(connection, vendor_id, &title.name, Some(title.version)).await?;
        let signed = |kept: &VendorProfile| {
            let mut links = self.links.all().filter(|link| link.vendor_id == *vendor_id);
            links.any(|link| kept.check(&link.audience).is_ok())
        };
        let text = kept.filter(signed).and_then(|kept| String::from_utf8(kept.content).ok());
        // A later edition of this program may know fields that this one does not.
        Ok(text.and_then(|text| Profile::parse(&text).ok()))
    }

    async fn follow_over(&self, link: &Link) -> Result<(), String> {
        let told = |status: Status| format!("the vendor answered {:?}", status.code());
        let own = |error: Error| format!("{error}: {error:?}");
        let keys = KeySet::from_jwks(&self.keys(link).await.map_err(told)?)?;
        let mut offered = BTreeMap::new();
        for profile in self.offered(link).await.map_err(told)? {
            let name = ProfileName::parse(&profile.name)?;
            let version = u32::try_from(profile.version).map_err(|error| error.to_string())?;
            offered.insert((name, version), digest(&profile)?);
        }
        let mut connection = self.store.reader().acquire().await.map_err(|error| error.to_string())?;
        let kept = store::kept_list(&mut connection, &link.vendor_id).await.map_err(|error| error.to_string())?;
        drop(connection);
        let (mut good, mut problems) = (BTreeSet::new(), Vec::new());
        for ((name, version), digest) in offered {
            let is_same = |one: &&Kept| (&one.name, one.version) == (&name, version);
            let is_good = kept.iter().find(is_same).is_some_and(|one| one.is_good(digest, &keys));
            // One that is not genuine stands in the way of no other.
            let fetched = if is_good { Ok(()) } else { self.fetch(link, &name, Some(version)).await.map(drop) };
            match fetched {
                Ok(()) => {
                    good.insert((name, version));
                }
                Err(Trouble::Vendor(status)) => problems.push(told(status)),
                Err(Trouble::NotGenuine(problem)) => problems.push(problem),
                Err(Trouble::Own(error)) => problems.push(own(error)),
            }
        }
        let listed: BTreeSet<_> =
            kept.into_iter().filter(|one| one.listed).map(|one| (one.name, one.version)).collect();
        if good != listed {
            self.list(&link.vendor_id, &good).await.map_err(own)?;
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// Every profile that the vendor offers, without texts.
    async fn offered(&self, link: &Link) -> Result<Vec<pb::Profile>, Status> {
        let (mut profiles, mut page_token) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let page = Some(PageRequest { page_size: PAGE, page_token });
            let request = pb::ListProfilesRequest { page, ..pb::ListProfilesRequest::default() };
            let answer = within(link.profiles().list_profiles(request)).await?;
            profiles.extend(answer.profiles);
            page_token = answer.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(profiles)
    }

    async fn keys(&self, link: &Link) -> Result<String, Status> {
        let answer = within(link.key_set().get_key_set(pb::GetKeySetRequest {})).await?;
        Ok(answer.key_set.unwrap_or_default().jwks)
    }

    /// Fetches a profile, verifies it, and keeps it.
    async fn fetch(&self, link: &Link, name: &ProfileName, version: Option<u32>) -> Result<VendorProfile, Trouble> {
        let request = pb::GetProfileRequest { name: name.to_string(), version: version.map_or(0, i64::from) };
        let told = within(link.profiles().get_profile(request)).await.map_err(Trouble::Vendor)?;
        let told = told.profile.unwrap_or_default();
        // Ordering: the keys after the signature, which may be one of a key that was made a moment ago.
        let jwks = self.keys(link).await.map_err(Trouble::Vendor)?;
        let title = format!("{name}/{}", told.version);
        let wrong =
            |problem: String| Trouble::NotGenuine(format!("the profile {title} of {}: {problem}", link.vendor_id));
        let profile = read(link, told, jwks, self.world.now()).map_err(wrong)?;
        if profile.name != *name || version.is_some_and(|version| version != profile.version) {
            return Err(wrong(format!("the vendor answered with {}", profile.title())));
        }
        profile.check(&link.audience).map_err(|problem| wrong(problem.to_string()))?;
        if self.keep(&profile).await.map_err(Trouble::Own)? {
            Ok(profile)
        } else {
            Err(wrong("the vendor has put another text under this version".to_owned()))
        }
    }

    /// Keeps a profile, and has the bundles analysed that waited for it.
    async fn keep(&self, profile: &VendorProfile) -> Result<bool, Error> {
        self.store
            .write(|mut tx| async move {
                let kept = store::profile_keep(&mut tx, profile).await?;
                if kept {
                    analyses::reopen(&mut tx, &profile.title(), profile.fetched_at).await?;
                }
                Ok::<_, WriteError>((tx, kept))
            })
            .await
    }

    async fn list(&self, vendor_id: &VendorId, offered: &BTreeSet<(ProfileName, u32)>) -> Result<(), Error> {
        self.store
            .write(|mut tx| async move {
                store::profiles_listed(&mut tx, vendor_id, offered).await?;
                Ok::<_, WriteError>((tx, ()))
            })
            .await
    }
}

/// Why a profile was not fetched.
enum Trouble {
    /// The vendor said no, or nothing.
    Vendor(Status),
    /// What it sent is not what it signed.
    NotGenuine(String),
    /// This side's own.
    Own(Error),
}

fn not_genuine(problem: String) -> Error {
    tracing::error!(problem, "a profile is not what its vendor signed");
    let message = "the profile is not what the vendor signed; it is not given out".to_owned();
    Error::Refused { kind: Kind::Refused, reason: Reason::ProfileNotGenuine, message }
}

fn digest(profile: &pb::Profile) -> Result<Digest, String> {
    <[u8; 32]>::try_from(profile.sha256.as_ref()).map(Digest).map_err(|_| "its digest is none".to_owned())
}

fn read(link: &Link, told: pb::Profile, jwks: String, now: jiff::Timestamp) -> Result<VendorProfile, String> {
    let published_at =
        told.publish_time.as_ref().ok_or("it has no time of publication".to_owned()).and_then(instant)?;
    Ok(VendorProfile {
        vendor_id: link.vendor_id.clone(),
        name: ProfileName::parse(&told.name)?,
        version: u32::try_from(told.version).map_err(|error| error.to_string())?,
        product_ids: told.product_ids.iter().map(|code| ProductId::parse(code)).collect::<Result<_, _>>()?,
        digest: digest(&told)?,
        about: told.about,
        content: told.content.to_vec(),
        signature: told.signature,
        jwks,
        published_at,
        fetched_at: now,
    })
}
