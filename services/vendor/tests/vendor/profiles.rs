//! Publishing, retiring and reading profiles.
//!
//! Proves V10.

use tonic::Code;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::key_set_service_client::KeySetServiceClient;
use vouch_contract::pb::vendor::v1::profile_service_client::ProfileServiceClient;
use vouch_contract::status::violations_of;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_proof::{KeySet, ProfileSignature};
use vouch_storage::on_both_engines;

use crate::support::Service;

fn manager(service: &Service) -> ProfileServiceClient<BearerChannel> {
    ProfileServiceClient::new(service.staff(&["policy-manager"]))
}

fn text(name: &str, version: u32) -> String {
    format!(
        "name = \"{name}\"\nversion = {version}\nabout = \"For {name}.\"\n\
         [[collectors]]\nname = \"os\"\nabout = \"the system\"\nfiles = [\"/etc/os-release\"]\n"
    )
}

fn request(text: &str, products: &[&str]) -> pb::PublishProfileRequest {
    pb::PublishProfileRequest {
        request_id: fresh(),
        content: text.as_bytes().to_vec().into(),
        product_ids: products.iter().map(|&product| product.to_owned()).collect(),
    }
}

async fn publish(service: &Service, name: &str, version: u32, products: &[&str]) -> pb::Profile {
    let answer = manager(service).publish_profile(request(&text(name, version), products)).await;
    answer.unwrap().into_inner().profile.unwrap()
}

fn get(name: &str, version: i64) -> pb::GetProfileRequest {
    pb::GetProfileRequest { name: name.into(), version }
}

fn retire(name: &str, version: i64) -> pb::RetireProfileRequest {
    pb::RetireProfileRequest { request_id: fresh(), name: name.into(), version, note: "It asks too much.".into() }
}

on_both_engines! {
    async fn v10_a_profile_is_kept_byte_for_byte_and_signed(database: Database) {
        let service = Service::start(&database).await;
        let published = publish(&service, "atlas-server", 1, &["borealis", "atlas"]).await;
        let text = text("atlas-server", 1);
        assert_eq!(published.content, text.as_bytes());
        assert_eq!((published.name.as_str(), published.version), ("atlas-server", 1));
        assert_eq!((published.about.as_str(), published.product_ids.join(" ").as_str()), ("For atlas-server.", "atlas borealis"));
        let mut keys = KeySetServiceClient::new(service.ground.anonymous(service.running.address));
        let jwks = keys.get_key_set(pb::GetKeySetRequest {}).await.unwrap().into_inner().key_set.unwrap().jwks;
        let signed = ProfileSignature::verify(&published.signature, &KeySet::from_jwks(&jwks).unwrap()).unwrap();
        assert_eq!((signed.iss.as_str(), signed.name.as_str(), signed.version), (vouch_vendor::DOMAIN, "atlas-server", 1));
        assert!(signed.is_over(text.as_bytes()));
        let read = manager(&service).get_profile(get("atlas-server", 1)).await.unwrap().into_inner().profile.unwrap();
        assert_eq!(read, published);
    }

    async fn v10_a_version_never_changes(database: Database) {
        let service = Service::start(&database).await;
        let first = publish(&service, "atlas-server", 1, &["atlas"]).await;
        let again = manager(&service).publish_profile(request(&text("atlas-server", 1), &["atlas"])).await.unwrap();
        let again = again.into_inner();
        assert_eq!((again.profile, again.published_before), (Some(first.clone()), true), "the same is the same publication");
        let next = manager(&service).publish_profile(request(&text("atlas-client", 1), &["atlas"])).await.unwrap();
        let next = next.into_inner();
        assert_eq!((next.published_before, next.products_verified), (false, false), "no licence service answers here");
        let taken = (Code::FailedPrecondition, "PROFILE_VERSION_TAKEN".to_owned());
        let other = text("atlas-server", 1) + "# a remark\n";
        assert_eq!(refused(manager(&service).publish_profile(request(&other, &["atlas"])).await), taken);
        let elsewhere = request(&text("atlas-server", 1), &["atlas", "borealis"]);
        assert_eq!(refused(manager(&service).publish_profile(elsewhere).await), taken);
        let read = manager(&service).get_profile(get("atlas-server", 0)).await.unwrap().into_inner().profile.unwrap();
        assert_eq!(read, first);
        let mut engineer = ProfileServiceClient::new(service.staff(&["support-engineer"]));
        let denied = engineer.publish_profile(request(&text("atlas-server", 2), &["atlas"])).await;
        assert_eq!(refused(denied), (Code::PermissionDenied, "ACCESS_DENIED".into()));
        assert!(engineer.get_profile(get("atlas-server", 1)).await.is_ok(), "the vendor's people read it");
    }

    async fn v10_of_many_at_once_under_one_version_one_is_published(database: Database) {
        let service = Service::start(&database).await;
        let attempts: Vec<_> = (0..6)
            .map(|number| {
                let mut manager = manager(&service);
                let text = text("atlas-server", 1) + &format!("# {}\n", number % 2);
                tokio::spawn(async move { manager.publish_profile(request(&text, &["atlas"])).await })
            })
            .collect();
        let mut published = Vec::new();
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(answer) => published.push(answer.into_inner().profile.unwrap()),
                Err(status) => assert_eq!(vouch_contract::status::reason_of(&status), "PROFILE_VERSION_TAKEN"),
            }
        }
        assert_eq!(published.len(), 3, "each text was sent three times");
        assert!(published.windows(2).all(|pair| pair[0] == pair[1]));
    }

    async fn v10_every_mistake_of_a_profile_is_told_with_line_and_column(database: Database) {
        let service = Service::start(&database).await;
        let text = "name = \"atlas-server\"\nversion = 0\nverion = 2\n[[collectors]]\nname = \"a\"\nfiles = [\"etc/x\"]\n";
        let refusal = manager(&service).publish_profile(request(text, &["atlas", "B", "atlas"])).await.unwrap_err();
        let told = violations_of(&refusal);
        let named: Vec<_> = told.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(named, ["content", "content", "content", "content", "product_ids[1]", "product_ids[2]"], "{told:?}");
        for (place, said) in [(0, "line 2, column 11"), (1, "line 3, column 1: verion"), (3, "collectors[0].files[0]")] {
            assert!(told[place].1.contains(said), "{said}: {told:?}");
        }
        assert!(told[1].1.contains("did you mean `version`?"), "{told:?}");

        let many = ["x = 1".to_owned()].into_iter().chain((0..200).map(|n| format!("y{n} = 1"))).collect::<Vec<_>>().join("\n");
        let refusal = manager(&service).publish_profile(request(&many, &["atlas"])).await.unwrap_err();
        let told = violations_of(&refusal);
        assert!(told.len() == 26 && told[25].1.contains("more mistakes"), "{told:?}");
        let short = text.replace("atlas-server", "a").replace("verion = 2\n", "").replace("version = 0", "version = 1");
        let short = short.replace("\"etc/x\"", "\"/etc/x\"").replace("name = \"a\"\nfiles", "name = \"a\"\nabout = \"b\"\nfiles");
        assert_eq!(fields(manager(&service).publish_profile(request(&short, &["atlas"])).await), ["content"]);
        let empty = pb::PublishProfileRequest::default();
        let named = fields(manager(&service).publish_profile(empty).await);
        assert_eq!(named, ["request_id", "content", "product_ids"]);
        let large = pb::PublishProfileRequest { content: vec![b' '; 256 * 1024 + 1].into(), ..request("", &["atlas"]) };
        assert_eq!(fields(manager(&service).publish_profile(large).await), ["content"]);
        let binary = pb::PublishProfileRequest { content: vec![0xff].into(), ..request("", &["atlas"]) };
        assert_eq!(fields(manager(&service).publish_profile(binary).await), ["content"]);
    }

    async fn a_version_that_is_retired_is_read_by_name_and_never_the_newest(database: Database) {
        let service = Service::start(&database).await;
        for version in [1, 2] {
            publish(&service, "atlas-server", version, &["atlas"]).await;
        }
        let retired = manager(&service).retire_profile(retire("atlas-server", 2)).await.unwrap();
        let retired = retired.into_inner().profile.unwrap();
        assert!(retired.retire_time.is_some() && retired.retire_note == "It asks too much.", "{retired:?}");
        let again = manager(&service).retire_profile(retire("atlas-server", 2)).await.unwrap().into_inner();
        assert_eq!(again.profile.unwrap(), retired, "it stays as it is");
        let newest = manager(&service).get_profile(get("atlas-server", 0)).await.unwrap().into_inner().profile.unwrap();
        assert_eq!(newest.version, 1);
        let named = manager(&service).get_profile(get("atlas-server", 2)).await.unwrap().into_inner().profile.unwrap();
        assert_eq!(named, retired);
        assert_eq!(publish(&service, "atlas-server", 2, &["atlas"]).await, retired, "published again it stays retired");
        for unknown in [get("atlas-server", 3), get("other", 0)] {
            assert_eq!(refused(manager(&service).get_profile(unknown).await).1, "NOT_FOUND");
        }
        assert_eq!(refused(manager(&service).retire_profile(retire("atlas-server", 3)).await).1, "NOT_FOUND");
        let bad = pb::RetireProfileRequest { request_id: fresh(), ..Default::default() };
        assert_eq!(fields(manager(&service).retire_profile(bad).await), ["name", "version", "note"]);
        let bad = pb::GetProfileRequest { name: "A".into(), version: -1 };
        assert_eq!(fields(manager(&service).get_profile(bad).await), ["name", "version"]);
    }

    async fn the_newest_versions_are_listed_by_product_in_pages(database: Database) {
        let service = Service::start(&database).await;
        for (name, versions, products) in
            [("aa", 3, ["atlas"].as_slice()), ("bb", 1, &["borealis"]), ("cc", 2, &["atlas", "borealis"])]
        {
            for version in 1..=versions {
                publish(&service, name, version, products).await;
            }
        }
        manager(&service).retire_profile(retire("aa", 3)).await.unwrap();
        let mut seen = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = Some(PageRequest { page_size: 2, page_token });
            let request = pb::ListProfilesRequest { page, ..Default::default() };
            let answer = manager(&service).list_profiles(request).await.unwrap().into_inner();
            assert!(answer.profiles.iter().all(|one| one.content.is_empty() && one.sha256.len() == 32));
            seen.extend(answer.profiles.into_iter().map(|one| (one.name, one.version)));
            page_token = answer.page.unwrap().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [("aa".to_owned(), 2), ("bb".to_owned(), 1), ("cc".to_owned(), 2)]);
        for (product, count) in [("atlas", 2), ("borealis", 2), ("zephyr", 0)] {
            let request = pb::ListProfilesRequest { product_id: product.into(), ..Default::default() };
            let answer = manager(&service).list_profiles(request).await.unwrap().into_inner();
            assert_eq!(answer.profiles.len(), count, "{product}");
        }
        let page = Some(PageRequest { page_size: 1000, page_token: "x".into() });
        let bad = pb::ListProfilesRequest { product_id: "A".into(), page };
        let named = fields(manager(&service).list_profiles(bad).await);
        assert_eq!(named, ["product_id", "page.page_size", "page.page_token"]);
    }
}
