//! Catalogues of licences from files and into them.
//!
//! Proves W20.

use serde_json::Value;

use crate::commands::{refused, told};
use crate::up::Up;

const COLUMNS: &str =
    "license_key,product_id,quantity,end_user_id,end_user_name,responsible_partner_id,valid_from,valid_until,zone";

#[test]
fn w20_a_catalogue_is_imported_with_its_mistakes_told_and_exported_in_the_same_form() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("catalogue.csv"));
    let up = Up::start(&data);
    let line = |number: usize, quantity: &str| {
        format!("ACME-{number:06},atlas-server,{quantity},fabrikam,Fabrikam Inc,north,2026-01-01,2036-12-31,UTC\n")
    };
    let mut lines: String = (1..=1500).map(|number| line(number, "5")).collect();
    lines += &line(1501, "many");
    lines += &line(1502, "5").replace("atlas-server", "hermes");
    std::fs::write(&file, format!("{COLUMNS}\n{lines}")).unwrap();
    let path = file.to_str().unwrap();

    let rehearsal = refused(&data, "license import {} --dry-run", &[path]);
    assert!(rehearsal.contains("1,500 would be entered, 0 there already, 2 with mistakes"), "{rehearsal}");
    let first = refused(&data, "license import {}", &[path]);
    assert!(first.contains(&format!("{path}:1502: quantity must be a whole number")), "{first}");
    assert!(first.contains(&format!("{path}:1503: product_id there is no product hermes")), "{first}");
    assert!(first.contains("1,500 entered"), "{first}");
    assert!(!first.contains('\u{1b}'), "coloured on a terminal only: {first}");

    std::fs::write(&file, format!("{COLUMNS}\n{}", line(1, "5") + &line(1501, "7"))).unwrap();
    let mended = told(&data, "license import {} --json", &[path]);
    let mended: Value = serde_json::from_str(&mended).unwrap();
    assert_eq!((&mended["created"], &mended["unchanged"], &mended["refused"]), (&1.into(), &1.into(), &0.into()));

    let out = folder.path().join("all.jsonl");
    let exported = told(&data, "license export {}", &[out.to_str().unwrap()]);
    assert!(exported.contains("1,502 licences in"), "{exported}");
    let again = told(&data, "license import {}", &[out.to_str().unwrap()]);
    assert!(again.contains("0 entered, 1,502 there already, 0 with mistakes"), "{again}");
    let there = refused(&data, "license export {}", &[out.to_str().unwrap()]);
    assert!(there.contains("cannot be written"), "{there}");
    let unknown = refused(&data, "license import {}", &["nothing.csv"]);
    assert!(unknown.contains("nothing.csv cannot be read"), "{unknown}");
    drop(up);
}
