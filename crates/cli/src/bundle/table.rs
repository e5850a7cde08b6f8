//! A table of entries, as somebody else's bundle has them. The path comes last, because it is the longest, and is not cut.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::output;

/// A cell has at most so many characters, but for the last: every row is as wide as the widest one.
const WIDEST: usize = 40;

/// The lines of an aligned table, its head first. The columns in `right` hold numbers, which are read from the right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]], right: &[usize]) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.iter().map(shown).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N.saturating_sub(1)).map(width).collect();
    let cell = |column: usize, text: &str| {
        let blank = " ".repeat(widths.get(column).map_or(0, |width| width.saturating_sub(text.width())));
        if right.contains(&column) { blank + text } else { format!("{text}{blank}") }
    };
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().enumerate().map(|(column, text)| cell(column, text)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// A row without what a terminal would take for an order.
fn shown<const N: usize>(row: &[String; N]) -> [String; N] {
    let mut at = 0;
    row.each_ref().map(|text| {
        at += 1;
        let text = output::on_one_line(text);
        if at == N || text.width() <= WIDEST { text } else { cut(&text) }
    })
}

/// The beginning of a text, with … in place of the rest.
fn cut(text: &str) -> String {
    let mut width = 0;
    let is_in = |character: &char| {
        width += character.width().unwrap_or_default();
        width < WIDEST
    };
    text.chars().take_while(is_in).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cell_costs_no_room_in_every_row_and_none_gives_a_terminal_orders() {
        let rows = [["日".repeat(1000), "b\n\u{1b}[2J".into()], ["a".into(), "c".repeat(100)]];
        let lines = aligned(&rows, &[]);
        assert_eq!(lines[0], format!("{}…  b  [2J", "日".repeat(19)));
        assert_eq!(lines[1], format!("a{}{}", " ".repeat(40), "c".repeat(100)));
    }
}
