//! Why something cannot be told: which collectors are missing, said once for all that want them.

use std::collections::BTreeMap;

/// `journal, disks (is not in this bundle); os (was left out)`: each collector once, those with one reason together.
pub(crate) fn collectors(lacking: impl IntoIterator<Item = (String, String)>) -> String {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (collector, reason) in lacking {
        let collectors = reasons.entry(reason).or_default();
        if !collectors.contains(&collector) {
            collectors.push(collector);
        }
    }
    let told = reasons.into_iter().map(|(reason, collectors)| format!("{} ({reason})", collectors.join(", ")));
    told.collect::<Vec<_>>().join("; ")
}

/// `4 of 6 (ATL-1, ATL-2), for want of journal (is not in this bundle)`: what cannot be told, of how many, and why.
pub(crate) fn untold(issues: &[String], all: usize, lacking: impl IntoIterator<Item = (String, String)>) -> String {
    format!("{} of {all} ({}), for want of {}", issues.len(), issues.join(", "), collectors(lacking))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_told_once_whoever_wants_it_and_one_reason_for_all_that_have_it() {
        let lacking =
            [("journal", "is not there"), ("disks", "is not there"), ("os", "is empty"), ("journal", "is not there")];
        let lacking = lacking.map(|(collector, reason)| (collector.to_owned(), reason.to_owned()));
        let issues = ["ATL-1".to_owned(), "ATL-2".to_owned()];
        let expected = "2 of 6 (ATL-1, ATL-2), for want of os (is empty); journal, disks (is not there)";
        assert_eq!(untold(&issues, 6, lacking), expected);
    }
}
