//! `ProfileService`.

use std::collections::BTreeSet;

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::profile_service_server::ProfileService;
use vouch_core::code::{ProductId, ProfileName};
use vouch_core::{Error, Violations, text};
use vouch_diagnostics::profile::{Mistakes, Profile};
use vouch_host::{Call, Page};
use vouch_proof::ProfileSignature;

use super::Handlers;
use crate::commands;
use crate::domain::profile::{Edition, PublishedProfile, Retired};
use crate::store::profiles;

/// The list of profiles, in page tokens.
const PROFILES: &str = "profiles";
/// The longest text.
const MAX_CONTENT: usize = 256 * 1024;
/// The most products that one is for.
const MAX_PRODUCTS: usize = 100;
/// So many mistakes are told one by one: a status has its limits, too.
const MAX_MISTAKES: usize = 25;
/// More is not told of one mistake.
const MAX_MISTAKE: usize = 250;

#[tonic::async_trait]
impl ProfileService for Handlers {
    async fn publish_profile(
        &self,
        request: Request<pb::PublishProfileRequest>,
    ) -> Result<Response<pb::PublishProfileResponse>, Status> {
        // Asked before the transaction begins. More than may be named are refused anyway.
        let named = &request.get_ref().product_ids;
        let unknown = self.catalogue.judge("product_ids", &named[..named.len().min(MAX_PRODUCTS)]).await;
        let unknown = unknown.as_ref();
        self.rpc
            .mutate("ProfileService/PublishProfile", request, |mut tx, call| async move {
                let call: &Call<Publish> = &call;
                let profile = call.command.at(call.now);
                let published = commands::profiles::publish(&mut tx, &profile, unknown, call.now).await?;
                let answer = pb::PublishProfileResponse {
                    published_before: !published.is_new,
                    products_verified: unknown.is_some_and(Violations::is_empty),
                    profile: Some(self.tell(published.profile)?),
                };
                Ok((tx, answer))
            })
            .await
    }

    async fn retire_profile(
        &self,
        request: Request<pb::RetireProfileRequest>,
    ) -> Result<Response<pb::RetireProfileResponse>, Status> {
        self.rpc
            .mutate("ProfileService/RetireProfile", request, |mut tx, call| async move {
                let call: &Call<Retire> = &call;
                let Retire { name, version, note } = &call.command;
                let retired = Retired { at: call.now, note: note.clone() };
                let there = profiles::profile_retire(&mut tx, name, *version, &retired).await?;
                let there = there.ok_or_else(|| Error::not_found("profile", format!("{name}/{version}")))?;
                Ok((tx, pb::RetireProfileResponse { profile: Some(self.tell(there)?) }))
            })
            .await
    }

    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneProfile>| async move {
                let OneProfile { name, version } = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let found = profiles::profile_fetch(&mut snapshot, name, *version).await?;
                let named = version.map_or_else(|| name.to_string(), |version| format!("{name}/{version}"));
                let found = found.ok_or_else(|| Error::not_found("profile", named))?;
                Ok(pb::GetProfileResponse { profile: Some(self.tell(found)?) })
            })
            .await
    }

    async fn list_profiles(
        &self,
        request: Request<pb::ListProfilesRequest>,
    ) -> Result<Response<pb::ListProfilesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Listed>| async move {
                let Listed { product_id, page } = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let mut found = profiles::edition_list(&mut snapshot, product_id.as_ref(), page).await?;
                let info = page.cut(&mut found, PROFILES, |edition| edition.name.to_string());
                Ok(pb::ListProfilesResponse { profiles: found.into_iter().map(Into::into).collect(), page: Some(info) })
            })
            .await
    }
}

impl Handlers {
    /// A profile with its text and this vendor's signature.
    fn tell(&self, profile: PublishedProfile) -> Result<pb::Profile, Error> {
        let PublishedProfile { edition, content } = profile;
        let claims = ProfileSignature {
            iss: self.name.to_string(),
            iat: edition.published_at.as_second(),
            name: edition.name.to_string(),
            version: edition.version,
            sha256: edition.digest.to_string(),
        };
        // Signed when it is asked for, so that it verifies with the keys that are published now.
        let signature = self.keys.sign(|key| claims.sign(key))?;
        Ok(pb::Profile { content: content.into(), signature, ..edition.into() })
    }
}

/// A profile to be published: read whole, and kept as it came.
#[derive(Debug, Clone)]
struct Publish {
    name: ProfileName,
    version: u32,
    about: String,
    product_ids: BTreeSet<ProductId>,
    profile: Profile,
    content: Vec<u8>,
}

impl Publish {
    fn at(&self, now: jiff::Timestamp) -> PublishedProfile {
        let edition = Edition {
            name: self.name.clone(),
            version: self.version,
            about: self.about.clone(),
            product_ids: self.product_ids.clone(),
            digest: self.profile.digest(),
            published_at: now,
            retired: None,
        };
        PublishedProfile { edition, content: self.content.clone() }
    }
}

/// A version to be retired.
#[derive(Debug, Clone)]
struct Retire {
    name: ProfileName,
    version: u32,
    note: String,
}

/// One profile; without a version, the newest.
#[derive(Debug, Clone)]
struct OneProfile {
    name: ProfileName,
    version: Option<u32>,
}

/// A page of profiles.
#[derive(Debug, Clone)]
struct Listed {
    product_id: Option<ProductId>,
    page: Page,
}

impl TryFrom<pb::PublishProfileRequest> for Publish {
    type Error = Violations;

    fn try_from(request: pb::PublishProfileRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let profile = read_text(&request.content, &mut violations);
        let name = profile.as_ref().and_then(|profile| {
            let name = ProfileName::parse(&profile.name);
            violations.take("content", name.map_err(|problem| format!("has a name that {problem}")))
        });
        let product_ids = read_products(&request.product_ids, &mut violations);
        let command = (|| {
            let (profile, product_ids) = (profile?, product_ids);
            let (version, about) = (profile.version, profile.about.clone());
            Some(Self { name: name?, version, about, product_ids, profile, content: request.content.to_vec() })
        })();
        violations.finish(command)
    }
}

/// Reads the text, or tells every mistake in it with its place.
fn read_text(content: &[u8], v: &mut Violations) -> Option<Profile> {
    if content.is_empty() || content.len() > MAX_CONTENT {
        v.add("content", "is required: a text of at most 256 KiB");
        return None;
    }
    let text = v.take("content", std::str::from_utf8(content).map_err(|_| "must be UTF-8"))?;
    let Mistakes(mistakes) = match Profile::parse(text) {
        Ok(profile) => return Some(profile),
        Err(mistakes) => mistakes,
    };
    for mistake in mistakes.iter().take(MAX_MISTAKES) {
        let place = if mistake.field.is_empty() { String::new() } else { format!("{}: ", mistake.field) };
        let help = mistake.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let told = format!("line {}, column {}: {place}{}{help}", mistake.line, mistake.column, mistake.message);
        v.add("content", told.chars().take(MAX_MISTAKE).collect::<String>());
    }
    if let Some(more) = mistakes.len().checked_sub(MAX_MISTAKES).filter(|more| *more > 0) {
        v.add("content", format!("has {more} more mistakes"));
    }
    None
}

fn read_products(codes: &[String], v: &mut Violations) -> BTreeSet<ProductId> {
    if codes.is_empty() || codes.len() > MAX_PRODUCTS {
        v.add("product_ids", format!("is required: 1 to {MAX_PRODUCTS} codes of products"));
        return BTreeSet::new();
    }
    let mut products = BTreeSet::new();
    for (index, code) in codes.iter().enumerate() {
        let product = v.take(&format!("product_ids[{index}]"), ProductId::parse(code));
        if product.is_some_and(|product| !products.insert(product)) {
            v.add(format!("product_ids[{index}]"), "is named twice");
        }
    }
    products
}

impl TryFrom<pb::RetireProfileRequest> for Retire {
    type Error = Violations;

    fn try_from(request: pb::RetireProfileRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let name = violations.take("name", ProfileName::parse(&request.name));
        let version = u32::try_from(request.version).ok().filter(|version| *version > 0);
        let version = violations.take("version", version.ok_or("must be a version, from 1"));
        let note = violations.take("note", text::paragraph(&request.note, 2000));
        let command = (|| Some(Self { name: name?, version: version?, note: note? }))();
        violations.finish(command)
    }
}

impl TryFrom<pb::GetProfileRequest> for OneProfile {
    type Error = Violations;

    fn try_from(request: pb::GetProfileRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let name = violations.take("name", ProfileName::parse(&request.name));
        let version = u32::try_from(request.version).map_err(|_| "must be a version, or 0 for the newest");
        let version = violations.take("version", version);
        let command = name.zip(version).map(|(name, version)| Self { name, version: Some(version).filter(|v| *v > 0) });
        violations.finish(command)
    }
}

impl TryFrom<pb::ListProfilesRequest> for Listed {
    type Error = Violations;

    fn try_from(request: pb::ListProfilesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let product_id = Some(request.product_id.as_str()).filter(|code| !code.is_empty()).map(ProductId::parse);
        let product_id = violations.take("product_id", product_id.transpose());
        let page = violations.absorb(Page::read(request.page, PROFILES));
        violations.finish(product_id.zip(page).map(|(product_id, page)| Self { product_id, page }))
    }
}

impl From<Edition> for pb::Profile {
    fn from(edition: Edition) -> Self {
        let retired = edition.retired;
        Self {
            name: edition.name.to_string(),
            version: i64::from(edition.version),
            about: edition.about,
            product_ids: edition.product_ids.iter().map(ToString::to_string).collect(),
            sha256: edition.digest.0.to_vec().into(),
            publish_time: Some(timestamp(edition.published_at)),
            retire_time: retired.as_ref().map(|retired| timestamp(retired.at)),
            retire_note: retired.map(|retired| retired.note).unwrap_or_default(),
            ..Self::default()
        }
    }
}
