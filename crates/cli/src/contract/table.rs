//! A table: how wide its columns are. On a terminal that is too narrow long texts are cut, and then the least telling columns are left
//! out; `--wide` shows all, whole.

use prost_reflect::{DynamicMessage, ReflectMessage};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::columns::{self, Column};
use crate::output;

/// A column that was cut keeps at least so many characters: enough for a date.
const NARROWEST: usize = 14;

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
    /// The view on this terminal, if it is one.
    pub(super) fn here(wide: bool) -> Self {
        let size = terminal_size::terminal_size_of(std::io::stdout()).filter(|_| !wide);
        Self { wide, width: size.map(|(width, _)| usize::from(width.0)) }
    }
}

/// Messages of one type as the lines of a table, its head first.
pub(super) fn lines(rows: &[DynamicMessage], indent: usize, view: &View) -> Vec<String> {
    let Some(first) = rows.first() else { return Vec::new() };
    let mut columns = columns::choose(&first.descriptor(), rows, view.wide);
    let widths = shape(&mut columns, view.width.map(|width| width.saturating_sub(indent)));
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
    std::iter::once(output::strong(&head)).chain((0..rows.len()).map(|at| line(row(at)))).collect()
}

/// The widths of columns in a room; columns that do not fit are left out.
fn shape(columns: &mut Vec<Column>, room: Option<usize>) -> Vec<usize> {
    loop {
        let widths: Vec<usize> = columns.iter().map(Column::width).collect();
        let Some(room) = room else { return widths };
        if let Some(fitting) = fit(&widths, room) {
            return fitting;
        }
        if !columns::leave_out(columns) {
            return widths;
        }
    }
}

/// The widths made to fit a room, the widest column cut first. The first is never cut: it is what one copies. `None` where they do not
/// fit.
fn fit(widths: &[usize], room: usize) -> Option<Vec<usize>> {
    let mut widths = widths.to_vec();
    while widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1) > room {
        let widest = widths.iter_mut().skip(1).max_by_key(|width| **width).filter(|width| **width > NARROWEST)?;
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
        let lines = lines(rows, 0, &View { wide, width });
        lines.iter().map(|line| strip_str(line).to_string() + "\n").collect()
    }

    #[test]
    fn a_table_has_the_most_telling_columns() {
        assert_eq!(
            table(&licenses(), false, None),
            "\
license_id  product_id    end_user_id  end_user_name  responsible_partner_id  valid_from  valid_until  state
lic_1       atlas-server  contoso      Contoso        north                   2026-01-01  2026-12-31   active
lic_22      atlas-server  contoso      東京支社       north                   2026-01-01  2026-12-31   suspended
"
        );
        let wide = table(&licenses(), true, None);
        for name in ["quantity", "grace_days", "etag", "revision", "create_time", "state_note"] {
            assert!(wide.contains(name), "{name}: {wide}");
        }
    }

    #[test]
    fn a_table_is_made_to_fit_its_terminal_but_for_what_one_copies() {
        assert_eq!(
            table(&licenses(), false, Some(80)),
            "\
license_id  product_id    end_user_id  end_user_name  …ble_partner_id  state
lic_1       atlas-server  contoso      Contoso        north            active
lic_22      atlas-server  contoso      東京支社       north            suspended
"
        );
        assert_eq!(table(&licenses(), false, Some(9)), "license_id\nlic_1\nlic_22\n");
        assert_eq!(cut("東京支社", 5), "東京…");
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn what_machines_read_and_what_is_empty_everywhere_is_left_out() {
        let partner = json!({
            "partnerId": "north", "name": "North", "standing": "PARTNER_STANDING_GOOD",
            "trustBundlePem": "-----BEGIN\nabc\n-----END", "manifestJwks": "{\"keys\":[\"0123456789012345678901234567890123456789\"]}",
            "spiffeIds": ["spiffe://north.example/partner/north"],
        });
        assert_eq!(
            table(&rows("license.v1.Partner", &[partner]), false, None),
            "partner_id  name   standing  spiffe_ids\nnorth       North  good      spiffe://north.example/partner/north\n"
        );
    }

    #[test]
    fn numbers_stand_at_the_right_and_messages_are_counted() {
        let product = json!({ "productId": "atlas", "name": "Atlas", "releases": [{ "version": "7.2.1" }] });
        assert_eq!(
            table(&rows("license.v1.Product", &[product]), false, None),
            "product_id  name   releases\natlas       Atlas         1\n"
        );
        let account = json!({ "endUserId": "contoso", "available": "5" });
        assert_eq!(
            table(&rows("license.v1.IncidentAccount", &[account]), false, None),
            "end_user_id  available  reserved  captured  vendor_borne\ncontoso              5         0         0             0\n"
        );
    }
}
