//! An answer as a person reads it: a table of many things, or one thing line by line.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use unicode_width::UnicodeWidthStr;

use super::cells::{self, Room};
use super::columns::Wanted;
use super::findings::finding;
use super::table::{self, View};
use super::{events, flags, pages, problems};
use crate::output;

/// How far a message within another is set in.
const STEP: usize = 2;
/// Texts of a list stand beside one another while none of them has more characters.
const SIDE_BY_SIDE: usize = 40;

/// An answer as lines.
#[derive(Default)]
pub(super) struct Told {
    pub(super) lines: Vec<String>,
    /// Whether columns were left out that say something.
    hides: bool,
}

/// Prints an answer.
pub(super) fn tell(answer: &DynamicMessage, view: &View, has_effect: bool) {
    let told = lines(answer, view);
    if told.lines.is_empty() {
        output::line(if has_effect { "Done." } else { "Nothing." });
    }
    let is_read = told.lines.iter().all(|line| output::is_read(line));
    if told.hides && is_read {
        output::remark("More columns: --wide");
    }
    if lacks_key(answer) {
        output::remark("Ordered before: nothing was done; the key was told then.");
    }
}

/// The lines of an answer.
pub(super) fn lines(answer: &DynamicMessage, view: &View) -> Told {
    let mut told = Told::default();
    let is_said = |field: &FieldDescriptor| {
        !pages::is_info(field) && !problems::is_said_elsewhere(answer, field) && (view.wide || !is_revision(field))
    };
    let fields: Vec<_> = answer.descriptor().fields().filter(is_said).collect();
    let carried: Vec<_> = fields.iter().filter(|field| flags::has_fields(field) && answer.has_field(field)).collect();
    let many = fields.iter().filter(|field| is_many(field)).count();
    if let (1, []) = (many, carried.as_slice()) {
        list(answer, &fields, view, &mut told);
    } else if let [resource] = carried.as_slice() {
        // The one thing that the answer is about is not named; what stands before or after it is.
        let (before, after): (Vec<_>, Vec<_>) = fields
            .iter()
            .filter(|field| field != resource && !is_secret(field))
            .cloned()
            .partition(|field| field.number() < resource.number());
        members(answer, &before, 0, view, &mut told);
        if let Some(resource) = answer.get_field(resource).as_message() {
            apart(&mut told.lines);
            thing(resource, 0, view, &mut told);
        }
        if after.iter().any(|field| is_shown(answer, field, view)) {
            apart(&mut told.lines);
        }
        members(answer, &after, 0, view, &mut told);
    } else {
        let rest: Vec<_> = fields.iter().filter(|field| !is_secret(field)).cloned().collect();
        members(answer, &rest, 0, view, &mut told);
    }
    for field in fields.iter().filter(|field| is_secret(field) && answer.has_field(field)) {
        let value = cells::text(field, &answer.get_field(field), Room::Line);
        apart(&mut told.lines);
        told.lines.push(output::strong(&format!("{}  {value}", field.name())));
        told.lines.push(output::quiet("It is told this once: hand it on, or keep it safe."));
    }
    told
}

/// A blank line between what there is and what comes.
fn apart(lines: &mut Vec<String>) {
    if !lines.is_empty() {
        lines.push(String::new());
    }
}

/// A list: its table, then what is said of all.
fn list(answer: &DynamicMessage, fields: &[FieldDescriptor], view: &View, told: &mut Told) {
    let rest: Vec<_> = fields.iter().filter(|field| !is_many(field)).cloned().collect();
    for field in fields.iter().filter(|field| is_many(field)) {
        let rows = things(&answer.get_field(field));
        if rows.is_empty() {
            told.lines.push(format!("No {}.", field.name().replace('_', " ")));
        }
        group(&rows, 0, view, Wanted::Fixed, told);
    }
    if rest.iter().any(|field| is_shown(answer, field, view)) {
        apart(&mut told.lines);
        members(answer, &rest, 0, view, told);
    }
}

/// Every field of a message.
fn thing(message: &DynamicMessage, indent: usize, view: &View, told: &mut Told) {
    let fields: Vec<_> = message.descriptor().fields().collect();
    members(message, &fields, indent, view, told);
}

/// Fields of a message: names and values side by side, what is within set in.
fn members(message: &DynamicMessage, fields: &[FieldDescriptor], indent: usize, view: &View, told: &mut Told) {
    let shown: Vec<_> = fields.iter().filter(|field| is_shown(message, field, view)).collect();
    let is_shortened = |field: &FieldDescriptor| is_shortened(field, indent, view);
    let is_block = |field: &FieldDescriptor| is_block(message, field) && !is_shortened(field);
    let flat = |field: &&&FieldDescriptor| !is_block(field);
    let width = shown.iter().filter(flat).map(|field| field.name().width()).max().unwrap_or_default();
    let blank = " ".repeat(indent);
    for field in shown {
        let value = message.get_field(field);
        let name = output::quiet(&format!("{:<1$}", field.name(), if is_block(field) { 0 } else { width }));
        match value.as_ref() {
            Value::Message(within) if !view.wide && events::is_event(within) => {
                told.lines.push(format!("{blank}{name}"));
                told.lines.extend(events::lines(std::slice::from_ref(within), indent + STEP));
            }
            Value::Message(within) if !cells::is_scalar(within) => {
                told.lines.push(format!("{blank}{name}"));
                thing(within, indent + STEP, view, told);
            }
            Value::List(_) if is_many(field) => {
                told.lines.push(format!("{blank}{name}"));
                group(&things(&value), indent + STEP, view, Wanted::Said, told);
            }
            Value::String(text) if is_shortened(field) => {
                told.lines.push(format!("{blank}{name}  {}", cells::beginning(text)));
            }
            Value::String(text) if is_block(field) => {
                told.lines.push(format!("{blank}{name}"));
                told.lines.extend(lines_of(text, indent + STEP));
            }
            Value::List(texts) if is_block(field) => {
                told.lines.push(format!("{blank}{name}"));
                let texts = texts.iter().filter_map(Value::as_str);
                told.lines.extend(texts.flat_map(|text| lines_of(text, indent + STEP)));
            }
            value => told.lines.push(format!("{blank}{name}  {}", cells::text(field, value, Room::Line))),
        }
    }
}

/// Several things: findings each with its remedy, known problems as they were found, anything else as a table.
fn group(rows: &[DynamicMessage], indent: usize, view: &View, wanted: Wanted, told: &mut Told) {
    let is_finding = |row: &DynamicMessage| row.descriptor().full_name() == "vouch.common.v1.Finding";
    if rows.iter().all(is_finding) {
        let blank = " ".repeat(indent);
        told.lines.extend(rows.iter().flat_map(finding).map(|line| format!("{blank}{line}")));
        return;
    }
    if !view.wide && rows.iter().all(events::is_event) {
        told.lines.extend(events::lines(rows, indent));
        return;
    }
    if rows.iter().all(problems::is_finding) {
        told.lines.extend(problems::lines(rows, indent));
        return;
    }
    if wanted == Wanted::Said && rows.iter().all(problems::has_findings) {
        for row in rows {
            thing(row, indent, view, told);
        }
        return;
    }
    // What somebody wrote has no room in a table, and is what one looks for.
    if wanted == Wanted::Said && (rows.iter().any(has_lines) || rows.iter().all(is_note)) {
        for row in rows {
            thing(row, indent, view, told);
        }
        return;
    }
    let table = table::of(rows, indent, view, wanted);
    told.lines.extend(table.lines);
    told.hides |= table.hides;
}

/// Zero and no are said; what is empty or absent is not.
fn is_shown(message: &DynamicMessage, field: &FieldDescriptor, view: &View) -> bool {
    let value = message.get_field(field);
    match value.as_ref() {
        Value::Message(_) => message.has_field(field),
        _ if view.wide && !field.supports_presence() => true,
        Value::List(values) => !values.is_empty(),
        value => {
            (!field.supports_presence() || message.has_field(field))
                && !cells::text(field, value, Room::Line).is_empty()
        }
    }
}

/// The lines of a text, set in.
fn lines_of(text: &str, indent: usize) -> impl Iterator<Item = String> {
    text.lines().map(move |line| format!("{:indent$}{}", "", cells::printable(line)))
}

/// Whether a text of a message has several lines that a person reads.
fn has_lines(message: &DynamicMessage) -> bool {
    let has = |field: FieldDescriptor| {
        let value = message.get_field(&field);
        !cells::is_key_material(&field) && value.as_str().is_some_and(|text| text.trim_end().contains('\n'))
    };
    message.descriptor().fields().any(has)
}

/// Whether a message is what somebody wrote to others: by its shape.
fn is_note(message: &DynamicMessage) -> bool {
    ["note_id", "author", "text"].iter().all(|name| message.descriptor().get_field_by_name(name).is_some())
}

/// Whether a field takes lines of its own.
fn is_block(message: &DynamicMessage, field: &FieldDescriptor) -> bool {
    let value = message.get_field(field);
    match value.as_ref() {
        Value::Message(within) => !cells::is_scalar(within),
        Value::List(values) => {
            let is_long = |text: &str| text.trim_end().contains('\n') || text.chars().count() > SIDE_BY_SIDE;
            is_many(field) || values.iter().any(|value| value.as_str().is_some_and(is_long))
        }
        Value::String(text) => text.trim_end().contains('\n'),
        _ => false,
    }
}

/// Whether a field is many messages.
fn is_many(field: &FieldDescriptor) -> bool {
    field.is_list() && matches!(field.kind(), Kind::Message(_))
}

/// What is told once.
fn is_secret(field: &FieldDescriptor) -> bool {
    field.name() == "license_key"
}

/// Whether an answer tells a key at its first time, and this is not the first: an order that was carried out before.
fn lacks_key(answer: &DynamicMessage) -> bool {
    answer.descriptor().fields().any(|field| is_secret(&field) && !answer.has_field(&field))
}

/// As of which change an answer is: for programs that pass it on.
fn is_revision(field: &FieldDescriptor) -> bool {
    ["facts_revision", "revision"].contains(&field.name())
}

/// Whether only the beginning of a text is told: of keys and certificates, but for those of a thing that is nothing else, which begins
/// with them; and of what is signed, where it is within another thing than the one that was asked for.
fn is_shortened(field: &FieldDescriptor, indent: usize, view: &View) -> bool {
    let is_aside = indent > 0 && cells::is_for_programs(field);
    !view.wide && ((field.number() > 1 && cells::is_key_material(field)) || is_aside)
}

fn things(value: &Value) -> Vec<DynamicMessage> {
    value.as_list().unwrap_or_default().iter().filter_map(|thing| thing.as_message().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::super::values;
    use super::*;

    fn told(message: &str, answer: serde_json::Value) -> String {
        let descriptor = vouch_contract::pool().get_message_by_name(&format!("vouch.{message}")).unwrap();
        let answer = values::message(&descriptor, &answer).unwrap();
        let told = lines(&answer, &View { wide: false, width: None });
        told.lines.iter().map(|line| strip_str(line).to_string() + "\n").collect()
    }

    #[test]
    fn one_thing_is_told_line_by_line_and_its_key_once_and_apart() {
        let license = json!({
            "licenseId": "lic_1", "productId": "atlas-server", "quantity": "25",
            "endUser": { "endUserId": "contoso", "name": "Contoso" }, "state": "LICENSE_STATE_ACTIVE",
            "createTime": "2026-01-01T00:00:00.5Z",
            "liaisons": [{ "contactId": "con_1", "name": "Ada", "email": "ada@contoso.example", "administrativeRights": true }],
        });
        let answer = json!({ "license": license, "licenseKey": "AAAAA-BBBBB", "factsRevision": "7" });
        assert_eq!(
            told("license.v1.CreateLicenseResponse", answer),
            "\
license_id   lic_1
product_id   atlas-server
quantity     25
end_user
  end_user_id  contoso
  name         Contoso
grace_days   0
state        active
revision     0
create_time  2026-01-01T00:00:00Z
liaisons
  contact_id  name  email                administrative_rights
  con_1       Ada   ada@contoso.example  yes

license_key  AAAAA-BBBBB
It is told this once: hand it on, or keep it safe.
"
        );
    }

    #[test]
    fn what_stands_before_the_one_thing_is_told_before_it() {
        let answer =
            json!({ "partnerName": "North", "supportContact": { "name": "Desk", "email": "help@north.example" } });
        assert_eq!(
            told("license.v1.FindSupportContactResponse", answer),
            "partner_name  North\n\nname   Desk\nemail  help@north.example\n"
        );
    }

    #[test]
    fn findings_are_told_with_who_can_cure_them_and_how() {
        let finding = json!({
            "reason": "REASON_AGREEMENT_MISSING", "weight": "WEIGHT_BLOCKING", "cureBy": "CURE_BY_END_USER",
            "message": "No support agreement covers the licence.", "remedy": "Conclude a support agreement.",
        });
        let answer = json!({ "answer": { "verdict": "VERDICT_NOT_ENTITLED", "findings": [finding] }, "revision": "9" });
        assert_eq!(
            told("license.v1.CheckEntitlementResponse", answer),
            "\
verdict  not-entitled
findings
  blocking AGREEMENT_MISSING: No support agreement covers the licence.
    end user: Conclude a support agreement.
"
        );
    }

    #[test]
    fn what_a_vendor_asks_is_told_whole_wherever_it_stands() {
        let question = "Which driver is loaded, and since when is it?";
        let note = |id: &str, text: &str| json!({ "noteId": id, "audience": "AUDIENCE_VENDOR", "author": "vendor", "text": text });
        let asked = json!({ "questions": [question, "How many?"], "collectors": ["logs", "disks"] });
        let ticket = json!({
            "ticketId": "tkt_1", "escalation": { "escalationId": "esc_1", "vendorRequest": asked },
            "notes": [note("note_1", "We look."), note("note_2", &format!("{question}\nCollect: logs, disks"))],
        });
        let told = told("partner.v1.GetTicketResponse", json!({ "ticket": ticket }));
        let expected = "\
  vendor_request
    questions
      Which driver is loaded, and since when is it?
      How many?
    collectors  logs, disks
";
        assert!(told.contains(expected), "{told}");
        let expected = "\
  author      vendor
  text
    Which driver is loaded, and since when is it?
    Collect: logs, disks
";
        assert!(told.contains("text        We look.\n") && told.contains(expected), "{told}");
    }

    #[test]
    fn a_note_is_told_with_its_text_and_its_marks_however_narrow_a_terminal_is() {
        let pool = vouch_contract::pool();
        let lines = |message: &str, answer: &serde_json::Value| {
            let descriptor = pool.get_message_by_name(&format!("vouch.{message}")).unwrap();
            let answer = values::message(&descriptor, answer).unwrap();
            let told = lines(&answer, &View { wide: false, width: Some(80) });
            told.lines.iter().map(|line| strip_str(line).to_string() + "\n").collect::<String>()
        };
        let (id, author) = (format!("note_{}", "0".repeat(26)), "https://staff.north.example#agent");
        let text = "Stop the spooler, and start it again with the driver of March.";
        let note = json!({
            "noteId": id, "audience": "AUDIENCE_END_USER", "author": author, "text": text,
            "writtenAt": "2026-06-30T12:00:00Z", "marks": ["STEP_MARK_NEEDS_ADMINISTRATIVE_RIGHTS", "STEP_MARK_EXPOSES_SENSITIVE_DATA"],
        });
        let told =
            lines("partner.v1.GetTicketResponse", &json!({ "ticket": { "ticketId": "tkt_1", "notes": [note] } }));
        assert!(
            told.contains(&format!("  {text}\n"))
                && told.contains("needs-administrative-rights, exposes-sensitive-data\n"),
            "{told}"
        );
        let note = json!({ "noteId": id, "author": author, "text": text, "writtenAt": "2026-06-30T12:00:00Z" });
        let told = lines("vendor.v1.GetDeskCaseResponse", &json!({ "internalNotes": [note] }));
        assert!(told.contains(&format!("  {text}\n")), "{told}");
    }

    #[test]
    fn a_list_is_a_table_and_an_empty_one_says_so() {
        let entries =
            json!([{ "entryId": "led_1", "movement": "LEDGER_MOVEMENT_GRANT", "units": "5", "reference": "PO-7" }]);
        assert_eq!(
            told(
                "license.v1.ListLedgerEntriesResponse",
                json!({ "entries": entries, "page": { "nextPageToken": "t" } })
            ),
            "entry_id  movement  units  reference  booked_at  from_account  hold_id  reverses_entry_id\nled_1     grant         5  PO-7\n"
        );
        assert_eq!(told("license.v1.ListLicensesResponse", json!({})), "No licenses.\n");
    }

    #[test]
    fn nothing_is_told_of_an_answer_that_says_nothing() {
        assert_eq!(told("license.v1.GetPersonRightsResponse", json!({})), "");
        assert_eq!(told("license.v1.CoTermLicensesResponse", json!({ "factsRevision": "7" })), "No licenses.\n");
    }

    #[test]
    fn the_repeat_of_an_order_is_an_answer_without_its_key() {
        let descriptor = vouch_contract::pool().get_message_by_name("vouch.license.v1.CreateLicenseResponse").unwrap();
        let answer = |json| values::message(&descriptor, &json).unwrap();
        assert!(lacks_key(&answer(json!({ "license": { "licenseId": "lic_1" } }))));
        assert!(!lacks_key(&answer(json!({ "licenseKey": "AAAAA-BBBBB" }))));
    }

    #[test]
    fn of_keys_only_the_beginning_is_told() {
        let partner = json!({ "partner": { "partnerId": "north", "trustBundlePem": "-----BEGIN\nabc\n-----END" } });
        let told = told("license.v1.GetPartnerResponse", partner);
        assert!(told.contains("trust_bundle_pem  -----BEGIN… (23 characters)\n"), "{told}");
    }

    #[test]
    fn a_receipt_is_told_whole_where_its_case_was_asked_for_and_not_within_a_ticket() {
        let receipt = format!("eyJ0{}", "A".repeat(900));
        let case = told("vendor.v1.GetCaseResponse", json!({ "case": { "receipt": receipt } }));
        assert!(case.contains(&receipt), "{case}");
        let ticket = json!({ "ticket": { "ticketId": "tkt_1", "escalation": { "receipt": receipt } } });
        let ticket = told("partner.v1.GetTicketResponse", ticket);
        assert!(ticket.contains("… (904 characters)\n") && !ticket.contains(&receipt), "{ticket}");
    }

    #[test]
    fn keys_that_were_asked_for_are_told_whole() {
        let jwks = format!("{{\"keys\":[\"{}\"]}}", "A".repeat(100));
        let told = told("license.v1.GetKeySetResponse", json!({ "keySet": { "jwks": jwks } }));
        assert_eq!(told, format!("jwks  {jwks}\n"));
    }

    #[test]
    fn a_text_of_several_lines_is_set_in() {
        let article = json!({ "article": { "articleId": "art_1", "title": "Full", "body": "One.\nTwo." } });
        let told = told("vendor.v1.GetArticleResponse", article);
        assert!(told.contains("body\n  One.\n  Two.\n"), "{told}");
    }
}
