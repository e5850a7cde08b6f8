//! A line of a catalogue: texts under the names of columns, and the message that they make.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use vouch_contract::pb::license::v1 as pb;

/// The columns, in the order in which they are written.
pub(super) const COLUMNS: [&str; 22] = [
    "license_id",
    "license_key",
    "key_digest",
    "digest_key_id",
    "key_hint",
    "product_id",
    "quantity",
    "end_user_id",
    "end_user_name",
    "responsible_partner_id",
    "reseller_partner_id",
    "valid_from",
    "valid_until",
    "grace_days",
    "maintenance_until",
    "zone",
    "kind",
    "state",
    "state_note",
    "order_reference",
    "liaisons",
    "administrators",
];

/// A line: what it says in each column; a column that is left out is empty.
pub(super) type Row = BTreeMap<String, String>;

/// What is wrong with a line: the column, and what it must be.
pub(super) type Wrong = Vec<(String, String)>;

/// The message that a line makes.
pub(super) fn message(row: &Row) -> Result<pb::ImportedLicense, Wrong> {
    let mut wrong = Wrong::new();
    let text = |column: &str| row.get(column).map(|text| text.trim().to_owned()).unwrap_or_default();
    let mut number = |column: &str, empty: i64| match text(column).as_str() {
        "" => empty,
        text => text.replace('_', "").parse().unwrap_or_else(|_| {
            wrong.push((column.to_owned(), "must be a whole number".to_owned()));
            empty
        }),
    };
    let (quantity, grace_days) = (number("quantity", 1), number("grace_days", 0));
    let kind = match text("kind").as_str() {
        "" | "paid" => pb::LicenseKind::Paid,
        "evaluation" => pb::LicenseKind::Evaluation,
        _ => {
            wrong.push(("kind".to_owned(), "must be paid or evaluation".to_owned()));
            pb::LicenseKind::Paid
        }
    };
    let state = match text("state").as_str() {
        "" | "active" => pb::LicenseState::Active,
        "suspended" => pb::LicenseState::Suspended,
        "revoked" => pb::LicenseState::Revoked,
        "cancelled" => pb::LicenseState::Cancelled,
        _ => {
            let states = "must be active, suspended, revoked or cancelled";
            wrong.push(("state".to_owned(), states.to_owned()));
            pb::LicenseState::Active
        }
    };
    let key_digest = HEXLOWER_PERMISSIVE.decode(text("key_digest").as_bytes()).unwrap_or_else(|_| {
        wrong.push(("key_digest".to_owned(), "must be hexadecimal".to_owned()));
        Vec::new()
    });
    let mut liaisons = people(&text("liaisons"), false, &mut wrong);
    liaisons.extend(people(&text("administrators"), true, &mut wrong));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let license = pb::License {
        license_id: text("license_id"),
        key_hint: text("key_hint"),
        product_id: text("product_id"),
        quantity,
        end_user: Some(pb::EndUser { end_user_id: text("end_user_id"), name: text("end_user_name") }),
        responsible_partner_id: text("responsible_partner_id"),
        reseller_partner_id: text("reseller_partner_id"),
        valid_from: text("valid_from"),
        valid_until: text("valid_until"),
        grace_days: i32::try_from(grace_days).unwrap_or(i32::MAX),
        maintenance_until: text("maintenance_until"),
        zone: text("zone"),
        state: state.into(),
        state_note: text("state_note"),
        liaisons,
        kind: kind.into(),
        order_reference: text("order_reference"),
        ..pb::License::default()
    };
    Ok(pb::ImportedLicense {
        license: Some(license),
        license_key: text("license_key"),
        key_digest: key_digest.into(),
        digest_key_id: text("digest_key_id"),
    })
}

/// The line that a message makes: import takes it as it is.
pub(super) fn row(exported: pb::ImportedLicense) -> Row {
    let license = exported.license.unwrap_or_default();
    let (kind, state) = (license.kind(), license.state());
    let word = |name: &str, prefix: &str| name.trim_start_matches(prefix).to_lowercase();
    let end_user = license.end_user.unwrap_or_default();
    let named = |administrative: bool| {
        let people = license.liaisons.iter().filter(|one| one.administrative_rights == administrative);
        people.map(|one| format!("{} <{}>", one.name, one.email)).collect::<Vec<_>>().join("; ")
    };
    let values = [
        license.license_id.clone(),
        exported.license_key,
        HEXLOWER_PERMISSIVE.encode(&exported.key_digest),
        exported.digest_key_id,
        license.key_hint.clone(),
        license.product_id.clone(),
        license.quantity.to_string(),
        end_user.end_user_id,
        end_user.name,
        license.responsible_partner_id.clone(),
        license.reseller_partner_id.clone(),
        license.valid_from.clone(),
        license.valid_until.clone(),
        license.grace_days.to_string(),
        license.maintenance_until.clone(),
        license.zone.clone(),
        word(kind.as_str_name(), "LICENSE_KIND_"),
        word(state.as_str_name(), "LICENSE_STATE_"),
        license.state_note.clone(),
        license.order_reference.clone(),
        named(false),
        named(true),
    ];
    COLUMNS.into_iter().map(str::to_owned).zip(values).collect()
}

/// The column of a field that the service names.
pub(super) fn column(field: &str) -> &str {
    let field = field.strip_prefix("license.").unwrap_or(field);
    match field {
        "end_user.name" => "end_user_name",
        field => field.strip_prefix("end_user.").unwrap_or(field),
    }
}

/// People as a column has them: `Ada Lovelace <ada@example.com>; Grace Hopper <grace@example.com>`.
fn people(text: &str, administrative_rights: bool, wrong: &mut Wrong) -> Vec<pb::Liaison> {
    let mut people = Vec::new();
    for one in text.split(';').map(str::trim).filter(|one| !one.is_empty()) {
        if let Some((name, email)) = one.strip_suffix('>').and_then(|one| one.rsplit_once('<')) {
            people.push(pb::Liaison {
                name: name.trim().to_owned(),
                email: email.trim().to_owned(),
                administrative_rights,
                ..pb::Liaison::default()
            });
        } else {
            let column = if administrative_rights { "administrators" } else { "liaisons" };
            let form = "must be people such as Ada Lovelace <ada@example.com>, with ; between them";
            wrong.push((column.to_owned(), form.to_owned()));
        }
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(columns: &[(&str, &str)]) -> Row {
        columns.iter().map(|(column, text)| ((*column).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_line_makes_a_message_and_the_message_the_line() {
        let written = line(&[
            ("license_key", "ACME-1"),
            ("product_id", "atlas"),
            ("quantity", "1_000"),
            ("end_user_id", "contoso"),
            ("kind", "evaluation"),
            ("liaisons", "Ada Lovelace <ada@contoso.example>; Grace <grace@contoso.example>"),
        ]);
        let read = message(&written).unwrap();
        let license = read.license.as_ref().unwrap();
        assert_eq!((license.quantity, license.kind()), (1000, pb::LicenseKind::Evaluation));
        assert_eq!(license.liaisons[1].email, "grace@contoso.example");
        let again = row(read);
        assert_eq!((again["quantity"].as_str(), again["state"].as_str()), ("1000", "active"));
        assert_eq!(again["liaisons"], written["liaisons"]);
        assert_eq!(again.len(), COLUMNS.len());
    }

    #[test]
    fn every_bad_column_of_a_line_is_told() {
        let bad = line(&[
            ("quantity", "many"),
            ("grace_days", "2 weeks"),
            ("kind", "free"),
            ("state", "lost"),
            ("key_digest", "xyz"),
            ("liaisons", "ada@contoso.example"),
        ]);
        let wrong = message(&bad).unwrap_err();
        let columns: Vec<_> = wrong.iter().map(|(column, _)| column.as_str()).collect();
        assert_eq!(columns, ["quantity", "grace_days", "kind", "state", "key_digest", "liaisons"]);
    }

    #[test]
    fn a_field_that_the_service_names_is_told_as_its_column() {
        assert_eq!(column("license.end_user.end_user_id"), "end_user_id");
        assert_eq!(column("license.end_user.name"), "end_user_name");
        assert_eq!(column("license.zone"), "zone");
        assert_eq!(column("license_key"), "license_key");
    }
}
