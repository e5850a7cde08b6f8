//! Catalogues of licences from files and into them.
//!
//! Proves W20.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::commands::{refused, told};
use crate::up::Up;
use crate::vouch;

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
    assert!(there.contains("all.jsonl is there already") && there.contains("Name another file"), "{there}");
    let unknown = refused(&data, "license import {}", &["nothing.csv"]);
    assert!(unknown.contains("there is no file nothing.csv"), "{unknown}");
    drop(up);
}

#[test]
fn w20_bad_lines_are_told_in_the_order_of_the_file_and_a_file_without_lines_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("catalogue.csv"));
    let up = Up::start(&data);
    let path = file.to_str().unwrap();
    let line = |number: usize, product: &str, quantity: &str| {
        format!("ACME-{number:06},{product},{quantity},fabrikam,Fabrikam Inc,north,2026-01-01,,UTC\n")
    };
    let lines = [
        line(1, "hermes", "5"),
        line(2, "atlas-server", "many"),
        line(3, "hermes", "5"),
        line(4, "atlas-server", "5"),
        line(5, "atlas-server", "few"),
    ];
    std::fs::write(&file, format!("{COLUMNS}\n{}", lines.concat())).unwrap();
    let mistakes = refused(&data, "license import {}", &[path]);
    let places: Vec<_> = mistakes.lines().filter_map(|line| line.split(".csv:").nth(1)?.get(..2)).collect();
    assert_eq!(places, ["2:", "3:", "4:", "6:"], "{mistakes}");

    let denied = refused(&data, "license import {} --as customer", &[path]);
    assert!(denied.contains("ACCESS_DENIED") && denied.contains("Nothing was taken."), "{denied}");
    let beyond = refused(&data, "license import {} --from-line 9", &[path]);
    assert!(beyond.contains("ends with line 6, before line 9"), "{beyond}");
    std::fs::write(&file, format!("{COLUMNS}\n")).unwrap();
    assert!(refused(&data, "license import {}", &[path]).contains("has no line with a licence"));

    let mut import = vouch();
    import.args(["license", "import", "-", "--format", "csv", "--data"]).arg(&data);
    let mut import = import.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text = format!("{COLUMNS}\n{}", line(4, "atlas-server", "5"));
    import.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("0 entered, 1 there already"), "{output:?}");
    up.stop();
}
