//! A table: how wide its columns are. Where a terminal is too narrow long texts are cut, and then the least telling columns are left out;
//! `--wide` shows all, and cuts only what nobody reads in a table.

use prost_reflect::{DynamicMessage, ReflectMessage};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::columns::{self, Column, Columns, Wanted};
use crate::output;

/// A cell of a wide table has at most so many characters.
const WIDEST: usize = 80;

/// How wide a terminal is that does not say it.
const TERMINAL: usize = 80;

/// What stands between two columns.
const GAP: &str = "  ";

/// How much is shown.
pub(super) struct View {
    /// Every column, and what is empty.
    pub(super) wide: bool,
    /// The width of the terminal; `None` where nobody is to be spared long lines.
    pub(super) width: Option<usize>,
}

impl View {
    /// The view on this terminal, or on one that says nothing of itself.
    pub(super) fn here(wide: bool) -> Self {
        let size = || terminal_size::terminal_size_of(std::io::stdout());
        let width = (!wide).then(|| size().map_or(TERMINAL, |(width, _)| usize::from(width.0)));
        Self { wide, width }
    }
}

/// The lines of a table, its head first.
pub(super) struct Table {
    pub(super) lines: Vec<String>,
    /// Whether a column that was left out says something.
    pub(super) hides: bool,
}

/// Messages of one type as a table: what is wanted where the view is not wide.
pub(super) fn of(rows: &[DynamicMessage], indent: usize, view: &View, wanted: Wanted) -> Table {
    let Some(first) = rows.first() else { return Table { lines: Vec::new(), hides: false } };
    let wanted = if view.wide { Wanted::All } else { wanted };
    let mut columns = columns::choose(&first.descriptor(), rows, wanted);
    let widths = shape(&mut columns, view.width.map(|width| width.saturating_sub(indent)));
    let Columns { shown: columns, hides } = columns;
    let line = |cells: Vec<String>| {
        let cells = cells.into_iter().zip(&columns).zip(&widths).map(|((text, column), width)| {
            let blank = " ".repeat(width.saturating_sub(text.width()));
            if column.is_number() { blank + &text } else { text + &blank }
        });
        let line = cells.collect::<Vec<_>>().join(GAP);
        format!("{}{}", " ".repeat(indent), line.trim_end())
    };
    let sized = || columns.iter().zip(&widths);
    let head = line(sized().map(|(column, width)| cut_name(&column.name, *width)).collect());
    let row =
        |at| sized().map(|(column, width)| cut(column.cells.get(at).map_or("", String::as_str), *width)).collect();
    let lines = std::iter::once(output::strong(&head)).chain((0..rows.len()).map(|at| line(row(at)))).collect();
    Table { lines, hides }
}

/// The widths of columns in a room; columns that do not fit are left out.
fn shape(columns: &mut Columns, room: Option<usize>) -> Vec<usize> {
    loop {
        let widths: Vec<usize> = columns.shown.iter().map(Column::width).collect();
        let Some(room) = room else { return widths.into_iter().map(|width| width.min(WIDEST)).collect() };
        let narrowest: Vec<usize> = columns.shown.iter().map(Column::narrowest).collect();
        if let Some(fitting) = fit(widths.clone(), &narrowest, room) {
            return fitting;
        }
        if !columns.leave_out() {
            return widths;
        }
    }
}

/// The widths made to fit a room, the widest column cut first. The first is never cut: it is what one copies. `None` where they do not
/// fit.
fn fit(mut widths: Vec<usize>, narrowest: &[usize], room: usize) -> Option<Vec<usize>> {
    while widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1) > room {
        let cut = widths.iter_mut().zip(narrowest).skip(1).filter(|(width, narrowest)| **width > **narrowest);
        let (widest, _) = cut.max_by_key(|(width, _)| **width)?;
        *widest -= 1;
    }
    Some(widths)
}

/// A text cut to a width, with … in place of its end.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width { text.to_owned() } else { beginning(text.chars(), width).chain(['…']).collect() }
}

/// A name cut to a width, with … in place of its beginning: names of fields within messages differ in their ends.
fn cut_name(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let end: Vec<char> = beginning(name.chars().rev(), width).chain(['…']).collect();
    end.into_iter().rev().collect()
}

/// As many characters as leave room for one more.
fn beginning(characters: impl Iterator<Item = char>, width: usize) -> impl Iterator<Item = char> {
    let mut taken = 0;
    characters.take_while(move |character| {
        taken += character.width().unwrap_or_default();
        taken < width
    })
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use prost_reflect::Value;
    use serde_json::json;

    use super::super::values;
    use super::*;

    fn rows(message: &str, rows: &[serde_json::Value]) -> Vec<DynamicMessage> {
        let descriptor = vouch_contract::pool().get_message_by_name(&format!("vouch.{message}")).unwrap();
        rows.iter().map(|row| values::message(&descriptor, row).unwrap()).collect()
    }

    fn licenses() -> Vec<DynamicMessage> {
        let license = |id: &str, name: &str, quantity: &str, state: &str| {
            json!({
                "licenseId": id, "keyHint": "7QK4", "productId": "atlas-server", "quantity": quantity,
                "endUser": { "endUserId": "contoso", "name": name }, "responsiblePartnerId": "north",
                "validFrom": "2026-01-01", "validUntil": "2026-12-31", "graceDays": 14, "zone": "America/Denver",
                "state": state, "revision": "3", "createTime": "2026-01-01T00:00:00Z", "etag": "e",
            })
        };
        let active = license("lic_1", "Contoso", "25", "LICENSE_STATE_ACTIVE");
        rows("license.v1.License", &[active, license("lic_22", "東京支社", "1000", "LICENSE_STATE_SUSPENDED")])
    }

    fn table(rows: &[DynamicMessage], wide: bool, width: Option<usize>) -> String {
        let table = of(rows, 0, &View { wide, width }, Wanted::Fixed);
        table.lines.iter().map(|line| strip_str(line).to_string() + "\n").collect()
    }

    #[test]
    fn a_table_has_the_most_telling_columns() {
        assert_eq!(
            table(&licenses(), false, None),
            "\
license_id  product_id    quantity  end_user_name  valid_from  valid_until  state      kind
lic_1       atlas-server        25  Contoso        2026-01-01  2026-12-31   active
lic_22      atlas-server      1000  東京支社       2026-01-01  2026-12-31   suspended
"
        );
        let wide = table(&licenses(), true, None);
        for name in ["quantity", "grace_days", "etag", "revision", "create_time", "state_note", "end_user_id"] {
            assert!(wide.contains(name), "{name}: {wide}");
        }
    }

    #[test]
    fn a_table_is_made_to_fit_its_terminal_but_for_what_one_copies() {
        let mut licenses = licenses();
        licenses[0].set_field_by_name("license_id", Value::String("lic_01jz0000000000000000000000".into()));
        assert_eq!(
            table(&licenses, false, Some(80)),
            "\
license_id                      product_id    quantity  valid_until  state
lic_01jz0000000000000000000000  atlas-server        25  2026-12-31   active
lic_22                          atlas-server      1000  2026-12-31   suspended
"
        );
        assert_eq!(table(&licenses, false, Some(9)), "license_id\nlic_01jz0000000000000000000000\nlic_22\n");
        assert_eq!(cut("東京支社", 5), "東京…");
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn of_a_history_it_is_told_whole_what_became_different_and_when() {
        let change = json!({
            "revision": "2", "change": "changed", "changeTime": "2026-06-30T12:00:00Z", "note": "They grew.",
            "changedBy": "https://staff.vendor.example#administrator",
            "fields": [{ "field": "quantity", "before": "25", "after": "40" }],
        });
        assert_eq!(
            table(&rows("license.v1.Change", &[change]), false, Some(80)),
            "\
revision  change   change_time        changed_by              fields
       2  changed  2026-06-30 12:00Z  https://staff.vendor.…  quantity: 25 -> 40
"
        );
    }

    #[test]
    fn a_table_says_whether_it_hides_something() {
        let hides = |width| of(&licenses(), 0, &View { wide: false, width }, Wanted::Fixed).hides;
        assert!(hides(None), "grace_days and zone among others");
        let tier = rows("license.v1.LiaisonRole", &[json!({ "contactId": "con_1", "holderId": "lic_1" })]);
        assert!(!of(&tier, 0, &View { wide: false, width: Some(80) }, Wanted::Fixed).hides);
    }

    #[test]
    fn keys_are_in_no_table_and_long_texts_are_cut_even_in_a_wide_one() {
        let partner = json!({
            "partnerId": "north", "name": "N".repeat(100), "standing": "PARTNER_STANDING_GOOD",
            "trustBundlePem": "-----BEGIN\nabc\n-----END", "manifestJwks": "{\"keys\":[]}",
        });
        for wide in [false, true] {
            let table = table(&rows("license.v1.Partner", std::slice::from_ref(&partner)), wide, None);
            assert!(!table.contains("pem") && !table.contains("jwks"), "{table}");
            assert!(table.contains(&format!("{}… ", "N".repeat(79))), "{table}");
        }
    }

    #[test]
    fn a_table_within_a_thing_leaves_out_what_is_empty_in_every_row() {
        let release = rows("license.v1.Release", &[json!({ "version": "1.0", "releasedOn": "2026-05-01" })]);
        let view = View { wide: false, width: Some(80) };
        let heads = |wanted| strip_str(&of(&release, 0, &view, wanted).lines[0]).to_string();
        assert_eq!(heads(Wanted::Said), "version  released_on");
        assert_eq!(heads(Wanted::Fixed), "version  released_on  end_of_support_on  early_access_on");
    }

    #[test]
    fn numbers_stand_at_the_right_and_messages_are_counted() {
        let product = json!({ "productId": "atlas", "name": "Atlas", "releases": [{ "version": "7.2.1" }] });
        let products = rows("license.v1.Product", &[product]);
        let table = of(&products, 0, &View { wide: false, width: None }, Wanted::Said);
        let lines: Vec<_> = table.lines.iter().map(|line| strip_str(line).to_string()).collect();
        assert_eq!(lines, ["product_id  name   releases  sdk", "atlas       Atlas         1  no"]);
    }
}
