//! The profiles that this program brings along, as the sample vendor publishes them for its product.

use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::profile_service_client::ProfileServiceClient;
use vouch_diagnostics::profile::Profile;

use super::PRODUCT;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::Problem;

/// Publishes what the vendor has not published yet. What stands under a name and version stays: it belongs to one text for good.
pub(super) async fn publish(folder: &Folder) -> Result<(), Problem> {
    let role = Role::Administrator;
    let bearer = role.bearer(folder, vouch_vendor::DOMAIN)?;
    let channel = role.channel(folder, "vendor")?;
    let mut profiles = ProfileServiceClient::new(InterceptedService::new(channel, bearer));
    for (name, text) in Profile::shipped_names().filter_map(|name| Some((name, Profile::shipped_text(name)?))) {
        let profile = Profile::parse(text).map_err(|mistakes| Problem::new(format!("{name}: {mistakes}")))?;
        let wanted = pb::GetProfileRequest { name: name.to_owned(), version: i64::from(profile.version) };
        match profiles.get_profile(wanted).await {
            Ok(_) => continue,
            Err(status) if status.code() == Code::NotFound => {}
            Err(status) => return Err(cannot(name, &status)),
        }
        let request = pb::PublishProfileRequest {
            request_id: format!("sample-profile-{name}-{}", profile.version),
            content: text.as_bytes().to_vec().into(),
            product_ids: vec![PRODUCT.to_owned()],
        };
        profiles.publish_profile(request).await.map_err(|status| cannot(name, &status))?;
    }
    Ok(())
}

fn cannot(name: &str, status: &Status) -> Problem {
    Problem::new(format!("the sample profile {name} could not be published: {}", status.message()))
        .next("Start without the sample: vouch up --bare.")
}
