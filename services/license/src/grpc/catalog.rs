//! `CatalogService`.

use tonic::{Request, Response, Status};
use vouch_contract::convert;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::catalog_service_server::CatalogService;
use vouch_core::code::{ProductId, TierId};
use vouch_core::{Error, Violations, dates, text};
use vouch_host::{Call, Page};

use super::Handlers;
use super::read::{self, ListOf, One};
use crate::commands::Changed;
use crate::commands::catalog::{self as commands, CreateProduct, PublishRelease, UpdateRelease};
use crate::domain::product::{Basis, Release};
use crate::domain::tier::{Charging, Tier};
use crate::store::catalog;

#[tonic::async_trait]
impl CatalogService for Handlers {
    async fn create_product(
        &self,
        request: Request<pb::CreateProductRequest>,
    ) -> Result<Response<pb::CreateProductResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CatalogService/CreateProduct", request, |mut tx, call| async move {
                let Changed { value: product, facts_revision } = commands::create_product(&mut tx, &call).await?;
                Ok((tx, pb::CreateProductResponse { product: Some(product.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn get_product(
        &self,
        request: Request<pb::GetProductRequest>,
    ) -> Result<Response<pb::GetProductResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<ProductId>>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let product = catalog::product_fetch(&mut snapshot, &call.command.0)
                    .await?
                    .ok_or_else(|| Error::not_found("product", &call.command.0))?;
                Ok(pb::GetProductResponse { product: Some(product.into()) })
            })
            .await
    }

    async fn list_products(
        &self,
        request: Request<pb::ListProductsRequest>,
    ) -> Result<Response<pb::ListProductsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<AllProducts>>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let page = &call.command.page;
                let mut products = catalog::product_list(&mut snapshot, page).await?;
                let info = page.cut(&mut products, PRODUCTS, |product| product.id.to_string());
                let products = products.into_iter().map(Into::into).collect();
                Ok(pb::ListProductsResponse { products, page: Some(info) })
            })
            .await
    }

    async fn publish_release(
        &self,
        request: Request<pb::PublishReleaseRequest>,
    ) -> Result<Response<pb::PublishReleaseResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CatalogService/PublishRelease", request, |mut tx, call| async move {
                let Changed { value: product, facts_revision } = commands::publish_release(&mut tx, &call).await?;
                Ok((tx, pb::PublishReleaseResponse { product: Some(product.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn update_release(
        &self,
        request: Request<pb::UpdateReleaseRequest>,
    ) -> Result<Response<pb::UpdateReleaseResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CatalogService/UpdateRelease", request, |mut tx, call| async move {
                let Changed { value: product, facts_revision } = commands::update_release(&mut tx, &call).await?;
                Ok((tx, pb::UpdateReleaseResponse { product: Some(product.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn create_tier(
        &self,
        request: Request<pb::CreateTierRequest>,
    ) -> Result<Response<pb::CreateTierResponse>, Status> {
        let answer = self
            .rpc
            .mutate("CatalogService/CreateTier", request, |mut tx, call| async move {
                let Changed { value: tier, facts_revision } = commands::create_tier(&mut tx, &call).await?;
                Ok((tx, pb::CreateTierResponse { tier: Some(tier.into()), facts_revision }))
            })
            .await;
        self.told(answer, |answer| answer.facts_revision).await
    }

    async fn list_tiers(
        &self,
        request: Request<pb::ListTiersRequest>,
    ) -> Result<Response<pb::ListTiersResponse>, Status> {
        self.rpc
            .query(request, |call: Call<ListOf<AllTiers>>| async move {
                let mut snapshot = self.store().snapshot().await?;
                let page = &call.command.page;
                let mut tiers = catalog::tier_list(&mut snapshot, page).await?;
                let info = page.cut(&mut tiers, TIERS, |tier| tier.id.to_string());
                Ok(pb::ListTiersResponse { tiers: tiers.into_iter().map(Into::into).collect(), page: Some(info) })
            })
            .await
    }
}

const PRODUCTS: &str = "products";
const TIERS: &str = "tiers";

/// Every product.
struct AllProducts;
/// Every tier.
struct AllTiers;

impl TryFrom<pb::CreateProductRequest> for CreateProduct {
    type Error = Violations;

    fn try_from(request: pb::CreateProductRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let command = violations.nested("product", request.product, |product, v| {
            v.refuse_set("releases", !product.releases.is_empty());
            v.refuse_set("create_time", product.create_time.is_some());
            v.refuse_set("etag", !product.etag.is_empty());
            let id = v.take("product_id", ProductId::parse(&product.product_id));
            let name = v.take("name", text::line(&product.name, 200));
            let basis = read_basis(&product, v);
            Some(Self { id: id?, name: name?, basis: basis?, sdk: product.sdk })
        });
        violations.finish(command)
    }
}

fn read_basis(product: &pb::Product, v: &mut Violations) -> Option<Basis> {
    let tier = v.take("default_tier_id", read::optional(&product.default_tier_id, TierId::parse))?;
    match (pb::EntitlementBasis::try_from(product.basis), tier) {
        (Ok(pb::EntitlementBasis::Agreement), None) => Some(Basis::Agreement),
        (Ok(pb::EntitlementBasis::Agreement), Some(_)) => {
            v.add("default_tier_id", "must be empty where an agreement is demanded");
            None
        }
        (Ok(pb::EntitlementBasis::Either | pb::EntitlementBasis::Unspecified), Some(tier)) => Some(Basis::Either(tier)),
        (Ok(pb::EntitlementBasis::Either | pb::EntitlementBasis::Unspecified), None) => {
            v.add("default_tier_id", "is required where a licence alone entitles");
            None
        }
        (Err(_), _) => {
            v.add("basis", format!("has the unknown value {}", product.basis));
            None
        }
    }
}

impl TryFrom<pb::GetProductRequest> for One<ProductId> {
    type Error = Violations;

    fn try_from(request: pb::GetProductRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("product_id", ProductId::parse(&request.product_id));
        violations.finish(id.map(Self))
    }
}

impl TryFrom<pb::ListProductsRequest> for ListOf<AllProducts> {
    type Error = Violations;

    fn try_from(request: pb::ListProductsRequest) -> Result<Self, Violations> {
        Page::read(request.page, PRODUCTS).map(|page| Self { page, filter: AllProducts })
    }
}

impl TryFrom<pb::PublishReleaseRequest> for PublishRelease {
    type Error = Violations;

    fn try_from(request: pb::PublishReleaseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let product_id = violations.take("product_id", ProductId::parse(&request.product_id));
        let release = violations.nested("release", request.release, |release, v| {
            let version = v.take("version", text::line(&release.version, 64));
            let released_on = v.take("released_on", dates::date(&release.released_on));
            let end = v.take("end_of_support_on", read::optional_date(&release.end_of_support_on));
            let early = v.take("early_access_on", read::optional_date(&release.early_access_on));
            let release = Release {
                version: version?,
                released_on: released_on?,
                end_of_support_on: end?,
                early_access_on: early?,
            };
            release.disorder().into_iter().for_each(|(field, problem)| v.add(field, problem));
            Some(release)
        });
        let command = product_id.zip(release).map(|(product_id, release)| Self { product_id, release });
        violations.finish(command)
    }
}

impl TryFrom<pb::UpdateReleaseRequest> for UpdateRelease {
    type Error = Violations;

    fn try_from(request: pb::UpdateReleaseRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let product_id = violations.take("product_id", ProductId::parse(&request.product_id));
        let etag = violations.take("etag", text::line(&request.etag, 64));
        let paths = request.update_mask.unwrap_or_default().paths;
        let known = ["released_on", "end_of_support_on", "early_access_on"];
        if paths.is_empty() {
            violations.add("update_mask", "is required: name the dates to change");
        }
        for path in paths.iter().filter(|path| !known.contains(&path.as_str())) {
            violations.add("update_mask", format!("names {path}, and may name {}", known.join(", ")));
        }
        let named = |path: &str| paths.iter().any(|named| named == path);
        let dates = violations.nested("release", request.release, |release, v| {
            let version = v.take("version", text::line(&release.version, 64));
            let released_on = named("released_on").then(|| v.take("released_on", dates::date(&release.released_on)));
            let mut optional = |field: &str, date: &str| named(field).then(|| v.take(field, read::optional_date(date)));
            let end = optional("end_of_support_on", &release.end_of_support_on);
            let early = optional("early_access_on", &release.early_access_on);
            Some((version?, released_on.flatten(), end.flatten(), early.flatten()))
        });
        let command = (|| {
            let (version, released_on, end_of_support_on, early_access_on) = dates?;
            let (product_id, etag) = (product_id?, etag?);
            Some(Self { product_id, etag, version, released_on, end_of_support_on, early_access_on })
        })();
        violations.finish(command)
    }
}

impl TryFrom<pb::CreateTierRequest> for Tier {
    type Error = Violations;

    fn try_from(request: pb::CreateTierRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let tier = violations.nested("tier", request.tier, read_tier);
        violations.finish(tier)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a parser of a nested message takes it whole")]
fn read_tier(tier: pb::Tier, v: &mut Violations) -> Option<Tier> {
    let id = v.take("tier_id", TierId::parse(&tier.tier_id));
    let name = v.take("name", text::line(&tier.name, 200));
    let channels = v.take("channels", tier.channels.iter().map(|n| convert::read_channel(*n)).collect());
    let severities = v.take("severities", tier.severities.iter().map(|n| convert::read_severity(*n)).collect());
    let coverage = v.take("coverage", text::line(&tier.coverage, 64));
    let priority = v.take("priority", read::within(tier.priority, 0, 1000));
    let charging = match pb::Charging::try_from(tier.charging) {
        Ok(pb::Charging::Included) => Some(Charging::Included),
        Ok(pb::Charging::Prepaid) => Some(Charging::Prepaid),
        Ok(pb::Charging::Unspecified) => v.take("charging", Err("is required")),
        Err(_) => v.take("charging", Err(format!("has the unknown value {}", tier.charging))),
    };
    if tier.assisted && tier.channels.is_empty() {
        v.add("channels", "must name at least one for an assisted tier");
    }
    if tier.assisted && tier.severities.is_empty() {
        v.add("severities", "must name at least one for an assisted tier");
    }
    Some(Tier {
        id: id?,
        name: name?,
        assisted: tier.assisted,
        channels: channels?,
        severities: severities?,
        coverage: coverage?,
        priority: priority?,
        charging: charging?,
        early_access: tier.early_access,
    })
}

impl TryFrom<pb::ListTiersRequest> for ListOf<AllTiers> {
    type Error = Violations;

    fn try_from(request: pb::ListTiersRequest) -> Result<Self, Violations> {
        Page::read(request.page, TIERS).map(|page| Self { page, filter: AllTiers })
    }
}
