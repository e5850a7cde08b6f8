//! The access matrix: every RPC with every kind of caller, each cell called.
//!
//! Proves B05.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tonic::{Code, Status};
use vouch_host::testing::call_bare as call;

use crate::support::{ALL_ROLES, Service};

fn cell(answer: &Result<(), Status>) -> &'static str {
    match answer.as_ref().map_err(Status::code) {
        Err(Code::Unauthenticated) => "who?",
        Err(Code::PermissionDenied) => "no",
        _ => "yes",
    }
}

#[tokio::test]
async fn b05_every_rpc_is_open_to_the_callers_that_the_contract_names_and_to_nobody_else() {
    let service = Service::alone().await.with_catalogue().await;
    let staff =
        |roles: &[&str]| service.ground.bearer(service.running.address, &service.ground.staff_token("ada", roles));
    let end_user = service.ground.end_user_token("eve", "contoso");
    let mut matrix: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for rpc_service in vouch_contract::services().filter(|service| service.full_name().starts_with("vouch.license.")) {
        for method in rpc_service.methods() {
            let path = format!("/{}/{}", rpc_service.full_name(), method.name());
            let mut row = vec![
                cell(&call(service.anonymous(), &path).await),
                cell(&call(service.ground.bearer(service.running.address, &end_user), &path).await),
                cell(&call(service.partner(), &path).await),
                cell(&call(service.reseller(), &path).await),
                cell(&call(service.vendor(), &path).await),
                cell(&call(staff(&[]), &path).await),
            ];
            for role in ALL_ROLES {
                row.push(cell(&call(staff(&[role]), &path).await));
            }
            matrix.insert(format!("{}/{}", rpc_service.name(), method.name()), row);
        }
    }
    let mut table = String::new();
    let header = ["anyone", "customer", "partner", "reseller", "vendor", "staff", "licences", "accounts", "partners"];
    writeln!(table, "{:44}{}", "", header.map(|word| format!("{word:9}")).concat().trim_end()).unwrap();
    for (rpc, row) in matrix {
        let mut line = format!("{rpc:44}");
        for word in row {
            write!(line, "{word:9}").unwrap();
        }
        writeln!(table, "{}", line.trim_end()).unwrap();
    }
    insta::assert_snapshot!(table);
}
