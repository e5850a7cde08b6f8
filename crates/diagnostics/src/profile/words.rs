//! Words that were meant.

/// The known word that is nearest to one that is not known, if one is near enough to be meant.
pub(crate) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let most = if word.len() < 5 { 1 } else { 2 };
    known.map(|other| (distance(word, other), other)).filter(|(far, _)| *far <= most).min().map(|(_, other)| other)
}

/// How many letters have to be put in, taken out or changed: the distance of Levenshtein.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_a_slip_is_understood_and_a_foreign_one_is_not() {
        let known = || ["commands", "files", "probes", "is"].into_iter();
        for (word, meant) in
            [("comands", Some("commands")), ("file", Some("files")), ("shell", None), ("it", Some("is")), ("x", None)]
        {
            assert_eq!(nearest(word, known()), meant, "{word}");
        }
    }
}
