//! Values of the domain as the contract's messages.

use vouch_contract::convert::{self, timestamp};
use vouch_contract::pb::license::v1 as pb;
use vouch_core::id;

use crate::commands::etag;
use crate::domain::agreement::{Agreement, AgreementState, Liaison, Plan, SeatGrant};
use crate::domain::entitlement::{Answer, Cover, Known};
use crate::domain::license::{License, LicenseKind, LicenseState};
use crate::domain::notice::{Notice, NoticeState};
use crate::domain::order::OrderQuotas;
use crate::domain::partner::{Partner, Programme, Standing, SupportContact};
use crate::domain::product::{Basis, Product, Release};
use crate::domain::tier::{Charging, Tier};

impl From<Product> for pb::Product {
    fn from(product: Product) -> Self {
        let (basis, default_tier_id) = match product.basis {
            Basis::Either(tier) => (pb::EntitlementBasis::Either, tier.to_string()),
            Basis::Agreement => (pb::EntitlementBasis::Agreement, String::new()),
        };
        Self {
            product_id: product.id.to_string(),
            name: product.name,
            basis: basis.into(),
            default_tier_id,
            releases: product.releases.into_iter().map(Into::into).collect(),
            create_time: Some(timestamp(product.created_at)),
            etag: etag(product.revision),
            sdk: product.sdk,
        }
    }
}

impl From<Release> for pb::Release {
    fn from(release: Release) -> Self {
        Self {
            version: release.version,
            released_on: release.released_on.to_string(),
            end_of_support_on: release.end_of_support_on.map(|date| date.to_string()).unwrap_or_default(),
            early_access_on: release.early_access_on.map(|date| date.to_string()).unwrap_or_default(),
        }
    }
}

impl From<Tier> for pb::Tier {
    fn from(tier: Tier) -> Self {
        Self {
            tier_id: tier.id.to_string(),
            name: tier.name,
            assisted: tier.assisted,
            channels: tier.channels.into_iter().map(|channel| convert::channel(channel).into()).collect(),
            severities: tier.severities.into_iter().map(|severity| convert::severity(severity).into()).collect(),
            coverage: tier.coverage,
            priority: tier.priority,
            charging: pb::Charging::from(tier.charging).into(),
            early_access: tier.early_access,
        }
    }
}

impl From<Charging> for pb::Charging {
    fn from(charging: Charging) -> Self {
        match charging {
            Charging::Included => Self::Included,
            Charging::Prepaid => Self::Prepaid,
        }
    }
}

impl From<Notice> for pb::SupportContactNotice {
    fn from(notice: Notice) -> Self {
        Self {
            notice_id: notice.id.to_string(),
            contact_id: notice.contact_id.to_string(),
            email: notice.email,
            state: match notice.state {
                NoticeState::Pending => pb::SupportContactNoticeState::Pending,
                NoticeState::Sent => pb::SupportContactNoticeState::Sent,
                NoticeState::Refused => pb::SupportContactNoticeState::Refused,
                NoticeState::Dropped => pb::SupportContactNoticeState::Dropped,
            }
            .into(),
            due_time: Some(timestamp(notice.due_at)),
            partner_ids: notice.partner_ids.iter().map(ToString::to_string).collect(),
            problem: notice.problem,
            end_time: notice.ended_at.map(timestamp),
        }
    }
}

impl From<LicenseState> for pb::LicenseState {
    fn from(state: LicenseState) -> Self {
        match state {
            LicenseState::Active => Self::Active,
            LicenseState::Suspended => Self::Suspended,
            LicenseState::Revoked => Self::Revoked,
            LicenseState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<License> for pb::License {
    fn from(license: License) -> Self {
        let terms = license.terms;
        Self {
            license_id: license.id.to_string(),
            key_hint: license.key_hint,
            product_id: terms.product_id.to_string(),
            quantity: terms.quantity,
            end_user: Some(pb::EndUser { end_user_id: terms.end_user_id.to_string(), name: terms.end_user_name }),
            responsible_partner_id: terms.responsible_partner_id.to_string(),
            reseller_partner_id: terms.reseller_partner_id.map(|id| id.to_string()).unwrap_or_default(),
            valid_from: terms.validity.from.to_string(),
            valid_until: terms.validity.until.map(|date| date.to_string()).unwrap_or_default(),
            grace_days: terms.validity.grace_days.into(),
            maintenance_until: terms.maintenance_until.map(|date| date.to_string()).unwrap_or_default(),
            zone: terms.validity.zone.iana_name().unwrap_or_default().to_owned(),
            state: pb::LicenseState::from(license.state).into(),
            state_note: license.state_note,
            revision: license.revision,
            create_time: Some(timestamp(license.created_at)),
            etag: etag(license.revision),
            liaisons: license.liaisons.into_iter().map(Into::into).collect(),
            kind: match terms.kind {
                LicenseKind::Paid => pb::LicenseKind::Paid,
                LicenseKind::Evaluation => pb::LicenseKind::Evaluation,
            }
            .into(),
            order_reference: terms.order_reference,
        }
    }
}

impl From<Agreement> for pb::Agreement {
    fn from(agreement: Agreement) -> Self {
        let terms = agreement.terms;
        Self {
            agreement_id: agreement.id.to_string(),
            end_user_id: terms.end_user_id.to_string(),
            tier_id: terms.tier_id.to_string(),
            valid_from: terms.from.to_string(),
            valid_until: terms.until.to_string(),
            zone: terms.zone.iana_name().unwrap_or_default().to_owned(),
            liaison_seats: terms.liaison_seats.into(),
            liaisons: agreement.liaisons.into_iter().map(Into::into).collect(),
            state: match agreement.state {
                AgreementState::Active => pb::AgreementState::Active,
                AgreementState::Suspended => pb::AgreementState::Suspended,
            }
            .into(),
            create_time: Some(timestamp(agreement.created_at)),
            etag: etag(agreement.revision),
            plan: plan(terms.plan).into(),
        }
    }
}

fn plan(plan: Plan) -> pb::AgreementPlan {
    match plan {
        Plan::Monthly => pb::AgreementPlan::Monthly,
        Plan::Annual => pb::AgreementPlan::Annual,
        Plan::Contract => pb::AgreementPlan::Contract,
    }
}

impl From<SeatGrant> for pb::SeatGrant {
    fn from(grant: SeatGrant) -> Self {
        Self {
            seat_grant_id: grant.id.to_string(),
            agreement_id: grant.agreement_id.to_string(),
            seats_before: grant.before.into(),
            seats_after: grant.after.into(),
            note: grant.note,
            granted_by: grant.granted_by,
            grant_time: Some(timestamp(grant.granted_at)),
        }
    }
}

impl From<Liaison> for pb::Liaison {
    fn from(liaison: Liaison) -> Self {
        Self {
            contact_id: liaison.id.to_string(),
            name: liaison.person.name,
            email: liaison.person.email,
            administrative_rights: liaison.person.administrative_rights,
            named_at: Some(timestamp(liaison.named_at)),
        }
    }
}

impl From<Partner> for pb::Partner {
    fn from(partner: Partner) -> Self {
        let profile = partner.profile;
        Self {
            partner_id: partner.id.to_string(),
            name: profile.name,
            programme: pb::PartnerProgramme::from(profile.programme).into(),
            standing: standing(partner.standing).into(),
            spiffe_ids: profile.spiffe_ids.iter().map(ToString::to_string).collect(),
            trust_bundle_pem: profile.trust_bundle_pem,
            manifest_jwks: profile.manifest_jwks,
            support_contact: Some(profile.support_contact.into()),
            order_quotas: Some(profile.order_quotas.into()),
            revision: partner.revision,
            create_time: Some(timestamp(partner.created_at)),
            etag: etag(partner.revision),
        }
    }
}

impl From<OrderQuotas> for pb::OrderQuotas {
    fn from(quotas: OrderQuotas) -> Self {
        Self {
            orders_per_day: i32::try_from(quotas.orders_per_day).unwrap_or(i32::MAX),
            units_per_order: quotas.units_per_order,
        }
    }
}

impl From<SupportContact> for pb::SupportContact {
    fn from(contact: SupportContact) -> Self {
        Self { name: contact.name, email: contact.email, phone: contact.phone, portal_url: contact.portal_url }
    }
}

fn standing(standing: Standing) -> pb::PartnerStanding {
    match standing {
        Standing::Good => pb::PartnerStanding::Good,
        Standing::Suspended => pb::PartnerStanding::Suspended,
    }
}

impl From<Known> for pb::Explanation {
    fn from(known: Known) -> Self {
        Self {
            license: Some(known.license.into()),
            product: Some(known.product.into()),
            agreement: known.agreement.map(Into::into),
            agreement_tier: known.agreement_tier.map(|tier| Tier::clone(&tier).into()),
            default_tier: known.default_tier.map(|tier| Tier::clone(&tier).into()),
            partner_standing: standing(known.partner_standing).into(),
            incidents_available: known.account.available,
        }
    }
}

impl From<Answer> for pb::EntitlementAnswer {
    fn from(answer: Answer) -> Self {
        let verdict = if answer.is_entitled() { pb::Verdict::Entitled } else { pb::Verdict::NotEntitled };
        Self {
            verdict: verdict.into(),
            findings: answer.findings.into_sorted().iter().map(convert::finding).collect(),
            cover: answer.cover.map(Into::into),
            checked_at: Some(timestamp(answer.checked_at)),
        }
    }
}

impl From<Cover> for pb::Cover {
    fn from(cover: Cover) -> Self {
        let severities = cover
            .tier
            .iter()
            .flat_map(|tier| vouch_core::Severity::ALL.into_iter().filter(|severity| tier.covers(*severity)));
        Self {
            license_id: id::text(&cover.license_id),
            license_revision: cover.license_revision,
            end_user_id: cover.end_user_id.as_str().to_owned(),
            agreement_id: cover.agreement_id.map(|agreement| id::text(&agreement)).unwrap_or_default(),
            tier_id: cover.tier_id().map(|tier| tier.as_str().to_owned()).unwrap_or_default(),
            coverage: cover.tier.as_ref().map(|tier| tier.coverage.clone()).unwrap_or_default(),
            severities: severities.map(|severity| convert::severity(severity).into()).collect(),
            covered_until: cover.until.map(timestamp),
            contact_id: cover.contact_id.map(|contact| id::text(&contact)).unwrap_or_default(),
            modification_maker_id: cover
                .modification_maker_id
                .map(|maker| maker.as_str().to_owned())
                .unwrap_or_default(),
            priority: cover.tier.as_ref().map(|tier| tier.priority).unwrap_or_default(),
            charging: cover.tier.as_ref().map(|tier| pb::Charging::from(tier.charging)).unwrap_or_default().into(),
        }
    }
}

impl From<Programme> for pb::PartnerProgramme {
    fn from(programme: Programme) -> Self {
        match programme {
            Programme::SolutionProvider => Self::SolutionProvider,
            Programme::MasterReseller => Self::MasterReseller,
            Programme::OemSaasMsp => Self::OemSaasMsp,
            Programme::VendorDesk => Self::VendorDesk,
        }
    }
}
