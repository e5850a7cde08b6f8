//! What the contract says is required, the services demand; and what they demand of an empty request, it says.
//!
//! Proves B05.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value};
use tonic::{Code, Status};
use vouch_contract::status::fields_of;
use vouch_host::testing::call_with;
use vouch_storage::Engine;
use vouch_storage::testing::Database;

use crate::scene::Scene;

/// What is demanded only of a proof, whose question says so as a whole.
const OF_A_PROOF: &str = "vouch.license.v1.EntitlementService.IssueEntitlementProof";

/// Demanded once the fields before them are right.
const LATER: [&str; 2] = ["policy.requirement_sets", "policy.redaction_policies"];

/// A message with every message within it that may be given, each empty; of those of a choice, none.
fn hollow(descriptor: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields().filter(|field| field.containing_oneof().is_none()) {
        if let Some(within) = content(&field) {
            message.set_field(&field, Value::Message(hollow(&within)));
        }
    }
    message
}

/// The message that a field holds, where it is one of the contract's own.
fn content(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(within) if !field.is_list() && !field.is_map() && within.full_name().starts_with("vouch.") => {
            Some(within)
        }
        _ => None,
    }
}

/// The field that a refusal names, with those on the way to it.
fn find(request: &MessageDescriptor, path: &str) -> Vec<FieldDescriptor> {
    let mut way: Vec<FieldDescriptor> = Vec::new();
    for name in path.split('.').map(|part| part.split('[').next().unwrap_or_default()) {
        let message = match way.last().map(FieldDescriptor::kind) {
            None => request.clone(),
            Some(Kind::Message(within)) => within,
            Some(_) => break,
        };
        way.extend(message.get_field_by_name(name));
    }
    way
}

/// The fields of a request that say that they are required, through messages that are; with their paths.
fn said(message: &MessageDescriptor, before: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for field in message.fields().filter(vouch_contract::is_required) {
        let path = format!("{before}{}", field.name());
        match content(&field) {
            Some(within) => paths.extend(said(&within, &format!("{path}."))),
            None => paths.push(path),
        }
    }
    paths
}

impl Scene {
    /// Calls an RPC as the first caller of its service to whom it is open.
    async fn demanded(&self, method: &MethodDescriptor, request: &DynamicMessage) -> Vec<String> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let (path, request) = (path.as_str(), || request.clone());
        let (license, vendor) = (self.license.address, self.vendor.address);
        let north = |ground: &vouch_host::testing::Ground, address| {
            ground.workload(address, &self.north, "spiffe://north.example/partner/north")
        };
        let of_vendor = |ground: &vouch_host::testing::Ground, address| {
            ground.workload(address, &ground.vendor, "spiffe://vendor.example/vendor/vendor")
        };
        let roles = ["policy-manager", "support-engineer", "knowledge-editor"];
        let answers = match method.parent_service().package_name() {
            "vouch.license.v1" => [
                call_with(self.license_staff(), path, request()).await,
                call_with(north(&self.license_ground, license), path, request()).await,
                call_with(of_vendor(&self.license_ground, license), path, request()).await,
            ],
            "vouch.vendor.v1" => [
                call_with(self.vendor_staff(&roles), path, request()).await,
                call_with(north(&self.vendor_ground, vendor), path, request()).await,
                call_with(of_vendor(&self.vendor_ground, vendor), path, request()).await,
            ],
            _ => [
                call_with(self.agent(), path, request()).await,
                call_with(self.customer(), path, request()).await,
                Ok(()),
            ],
        };
        let is_open = |answer: &Result<(), Status>| {
            !matches!(answer.as_ref().map_err(Status::code), Err(Code::PermissionDenied | Code::Unauthenticated))
        };
        match answers.into_iter().find(is_open) {
            Some(Err(status)) if status.code() == Code::InvalidArgument => fields_of(&status),
            Some(_) => Vec::new(),
            None => panic!("{path} is open to nobody"),
        }
    }
}

#[tokio::test]
async fn b05_what_an_empty_request_is_refused_for_the_contract_says_is_required_and_the_other_way_round() {
    let database = Database::fresh(Engine::Sqlite).await;
    let scene = Scene::start(&database).await;
    let mut wrong = Vec::new();
    for method in vouch_contract::services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        if method.is_client_streaming() {
            continue;
        }
        let (input, name) = (method.input(), method.full_name().to_owned());
        let mut demanded = scene.demanded(&method, &DynamicMessage::new(input.clone())).await;
        let whole = demanded.clone();
        demanded.extend(scene.demanded(&method, &hollow(&input)).await);
        for path in demanded.iter().filter(|path| *path != "request_id") {
            let way = find(&input, path);
            let comment = way.last().map(|field| vouch_contract::comment(field.full_name())).unwrap_or_default();
            let is_of_a_proof = name == OF_A_PROOF && path.starts_with("question.");
            let says_which = way.len() == 2 && way[1].number() == 1 && input.get_field_by_name("update_mask").is_some();
            let is_etag = way.len() > 1 && way.last().is_some_and(|field| field.name() == "etag");
            if !comment.contains("Required") && !is_of_a_proof && !says_which && !is_etag {
                wrong.push(format!("{name}: {path} is demanded, and does not say so"));
            }
        }
        let changes_some = input.get_field_by_name("update_mask").is_some();
        for path in said(&input, "") {
            let is_chosen = changes_some && path.contains('.');
            if !demanded.contains(&path) && !is_chosen && !LATER.contains(&path.as_str()) {
                wrong.push(format!("{name}: {path} says that it is required, and is not demanded"));
            }
        }
        for field in input.fields().filter(|field| content(field).is_some() && vouch_contract::is_required(field)) {
            if !whole.iter().any(|path| path == field.name()) {
                wrong.push(format!("{name}: {} as a whole is not demanded", field.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
