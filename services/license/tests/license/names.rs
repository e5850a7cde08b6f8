//! What an end user is called, on whichever of its licences.
//!
//! Proves W19.

use vouch_contract::pb::license::v1 as pb;
use vouch_host::testing::{fields, fresh};
use vouch_storage::on_both_engines;

use crate::import::{import, imported, told};
use crate::support::{Service, license};

/// A licence of an end user by a name.
fn called(end_user_id: &str, name: &str) -> pb::License {
    let end_user = Some(pb::EndUser { end_user_id: end_user_id.into(), name: name.into() });
    pb::License { end_user, ..license(end_user_id) }
}

fn imported_as(end_user_id: &str, name: &str, key: &str) -> pb::ImportedLicense {
    pb::ImportedLicense { license: Some(called(end_user_id, name)), ..imported(end_user_id, key) }
}

impl Service {
    async fn create_as(&self, end_user_id: &str, name: &str) -> pb::License {
        let license = Some(called(end_user_id, name));
        let request = pb::CreateLicenseRequest { request_id: fresh(), license };
        self.licenses().create_license(request).await.unwrap().into_inner().license.unwrap()
    }

    async fn hand_to(&self, license: &pb::License, end_user_id: &str, name: &str) -> pb::License {
        let request = pb::TransferLicenseRequest {
            request_id: fresh(),
            license_id: license.license_id.clone(),
            etag: license.etag.clone(),
            end_user: called(end_user_id, name).end_user,
            note: "as it is in the register".into(),
            ..Default::default()
        };
        self.licenses().transfer_license(request).await.unwrap().into_inner().license.unwrap()
    }

    /// The names on the licences of an end user, each with its etag, in their order.
    async fn names(&self, end_user_id: &str) -> Vec<String> {
        let list = pb::ListLicensesRequest { end_user_id: end_user_id.into(), ..Default::default() };
        let licenses = self.licenses().list_licenses(list).await.unwrap().into_inner().licenses;
        let mut names: Vec<_> = licenses.iter().map(|license| format!("{}, {}", name(license), license.etag)).collect();
        names.sort();
        names
    }
}

fn name(license: &pb::License) -> String {
    license.end_user.as_ref().unwrap().name.clone()
}

on_both_engines! {
    async fn w19_an_end_user_has_the_name_that_it_came_with_on_every_licence(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        assert_eq!(name(&service.create_as("contoso", "Contoso Ltd").await), "Contoso Ltd");
        assert_eq!(name(&service.create_as("contoso", "CONTOSO").await), "Contoso Ltd", "the answer says so");
        let rows = || vec![
            imported_as("contoso", "Contoso GmbH", "acme-2019-0001"),
            imported_as("fabrikam", "Fabrikam Inc", "acme-2019-0002"),
            imported_as("fabrikam", "FABRIKAM", "acme-2019-0003"),
        ];
        assert_eq!(told(&import(&service, false, rows()).await), (3, 0, vec![]));
        assert_eq!(told(&import(&service, false, rows()).await), (0, 3, vec![]), "another name is no other licence");
        assert_eq!(service.names("contoso").await, ["Contoso Ltd, v1"; 3]);
        assert_eq!(service.names("fabrikam").await, ["Fabrikam Inc, v1"; 2], "the first of two counts");
        let other = service.create_as("adatum", "Adatum").await;
        assert_eq!(name(&service.hand_to(&other, "contoso", "Contoso SA").await), "Contoso Ltd");
    }

    async fn w19_an_end_user_that_is_renamed_is_so_on_all_of_its_licences(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let first = service.create_as("contoso", "Contoso Ltd").await;
        service.create_as("contoso", "Contoso Ltd").await;
        service.create_as("fabrikam", "Fabrikam Inc").await;
        let renamed = service.hand_to(&first, "contoso", "Contoso Group").await;
        assert_eq!(name(&renamed), "Contoso Group");
        assert_eq!(service.names("contoso").await, ["Contoso Group, v1", "Contoso Group, v2"]);
        assert_eq!(service.names("fabrikam").await, ["Fabrikam Inc, v1"]);
        assert_eq!(name(&service.create_as("contoso", "Contoso Ltd").await), "Contoso Group");
        let history = pb::ListLicenseChangesRequest { license_id: first.license_id.clone(), page: None };
        let told = service.licenses().list_license_changes(history).await.unwrap().into_inner().changes;
        let field = &told[1].fields[0];
        let change = (field.field.as_str(), field.before.as_str(), field.after.as_str());
        assert_eq!(change, ("end_user.name", "Contoso Ltd", "Contoso Group"));
        let same = pb::TransferLicenseRequest {
            request_id: fresh(),
            license_id: renamed.license_id,
            etag: renamed.etag,
            end_user: renamed.end_user,
            note: "again".into(),
            ..Default::default()
        };
        assert_eq!(fields(service.licenses().transfer_license(same).await), ["end_user"], "nothing is changed by it");
    }
}
