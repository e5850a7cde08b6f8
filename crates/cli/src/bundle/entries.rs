//! What a bundle holds, entry by entry: how large each is, who collected it, how much was masked in it, or why it was left out.

use indicatif::HumanBytes;
use vouch_diagnostics::Entry;

use super::table;

/// So many are told where nobody asks for all.
const TOLD: usize = 20;

/// The lines of a table of entries: those that were left out first, because they are what one looks for.
pub(super) fn lines(entries: &[Entry], all: bool) -> Vec<String> {
    let (failed, whole): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.failed.is_some());
    let told = if all { usize::MAX } else { TOLD };
    let head = ["SIZE", "MASKED", "COLLECTOR", "PATH"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(failed.into_iter().chain(whole).take(told).map(row)).collect();
    let mut lines = table::aligned(&rows, &[0, 1]);
    let more = entries.len().saturating_sub(told);
    if more > 0 {
        lines.push(format!("and {more} more (--all)"));
    }
    lines
}

fn row(entry: &Entry) -> [String; 4] {
    let masked: u64 = entry.masked.0.values().sum();
    match &entry.failed {
        Some(reason) => {
            ["left out".to_owned(), String::new(), entry.collector.clone(), format!("{}: {reason}", entry.path)]
        }
        None => {
            [HumanBytes(entry.size_bytes).to_string(), masked.to_string(), entry.collector.clone(), entry.path.clone()]
        }
    }
}

#[cfg(test)]
mod tests {
    use vouch_diagnostics::{Digest, Masked};

    use super::*;

    fn entry(path: &str, size_bytes: u64, masked: u64, failed: Option<&str>) -> Entry {
        Entry {
            path: path.into(),
            media_type: "text/plain".into(),
            size_bytes,
            sha256: Digest::of(path.as_bytes()),
            collector: "logs".into(),
            failed: failed.map(str::to_owned),
            packed: None,
            masked: Masked([("host".to_owned(), masked)].into()),
        }
    }

    #[test]
    fn entries_are_told_one_by_one_those_left_out_first_and_with_their_reason() {
        let entries = [entry("a.log", 2048, 17, None), entry("b.bin", 0, 0, Some("binary")), entry("c", 5, 0, None)];
        let expected = [
            "    SIZE  MASKED  COLLECTOR  PATH",
            "left out          logs       b.bin: binary",
            "2.00 KiB      17  logs       a.log",
            "     5 B       0  logs       c",
        ];
        assert_eq!(lines(&entries, false), expected);
    }

    #[test]
    fn of_many_entries_some_are_told_and_how_many_more_there_are() {
        let entries: Vec<_> = (0..TOLD + 3).map(|number| entry(&number.to_string(), 1, 0, None)).collect();
        let some = lines(&entries, false);
        assert_eq!((some.len(), some.last().unwrap().as_str()), (1 + TOLD + 1, "and 3 more (--all)"));
        assert_eq!(lines(&entries, true).len(), 1 + TOLD + 3);
    }
}
