//! A table of entries. The path comes last: it is the longest, and nothing is cut.

use unicode_width::UnicodeWidthStr as _;

/// The lines of an aligned table, its head first. The columns in `right` hold numbers, which are read from the right.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]], right: &[usize]) -> Vec<String> {
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
