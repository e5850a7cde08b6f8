//! What is found, whatever the pieces in which a content comes.
//!
//! Proves B05.

use proptest::prelude::*;

use super::*;

/// What a query finds in a content that comes in pieces of this length.
fn found(query: &Query, content: &[u8], piece: usize) -> Vec<Found> {
    let mut scanner = Scanner::new(query.clone());
    let mut found: Vec<Found> = content.chunks(piece).flat_map(|piece| scanner.take(piece)).collect();
    found.extend(scanner.end());
    found
}

/// The same, as number, offset and the three parts of the line.
fn told(query: &Query, content: &str, piece: usize) -> Vec<(u64, u64, String)> {
    let line =
        |found: Found| (found.number, found.offset, format!("{}|{}|{}", found.before, found.matched, found.after));
    self::found(query, content.as_bytes(), piece).into_iter().map(line).collect()
}

#[test]
fn b05_a_line_is_told_once_with_its_number_its_place_and_its_first_match() {
    let content = "one error, two errors\r\nnothing\n\nERROR at last";
    let text = Query::text("error", false).unwrap();
    assert_eq!(told(&text, content, 7), [(1, 0, "one |error|, two errors".into())]);
    let any = Query::text("error", true).unwrap();
    assert_eq!(told(&any, content, 100)[1], (4, 32, "|ERROR| at last".into()));
    let ends = Query::pattern("^$|s$", false).unwrap();
    assert_eq!(told(&ends, content, 3), [(1, 0, "one error, two error|s|".into()), (3, 31, "||".into())]);
    assert!(told(&Query::pattern("^$", false).unwrap(), "a\n", 1).is_empty(), "behind the last feed there is no line");
}

#[test]
fn b05_a_text_is_taken_as_it_stands_and_letters_of_every_script_fold() {
    assert_eq!(told(&Query::text("a.c[", false).unwrap(), "abc[\na.c[\n", 2), [(2, 5, "|a.c[|".into())]);
    let folded = Query::text("ошибка", true).unwrap();
    assert_eq!(told(&folded, "Фатальная ОШИБКА диска", 5), [(1, 0, "Фатальная |ОШИБКА| диска".into())]);
    let word = Query::pattern(r"\bдиск\w*$", false).unwrap();
    assert_eq!(told(&word, "Фатальная ОШИБКА диска", 5)[0].2, "Фатальная ОШИБКА |диска|");
}

#[test]
fn b05_a_query_that_is_none_is_refused_with_a_reason() {
    for (text, reason) in [
        ("", "1 to 1000 characters"),
        ("a\nb", "one line"),
        ("a(", "unclosed group"),
        (r"(\w{200}){200}", "size limit"),
        (r"(a)\1", "backreferences are not supported"),
    ] {
        let refused = Query::pattern(text, false).unwrap_err();
        assert!(refused.contains(reason), "{text:?}: {refused}");
    }
    assert!(Query::text(&"x".repeat(1001), false).is_err());
    assert!(Query::text("a(", false).is_ok(), "a text is no expression");
}

#[test]
fn b05_a_long_line_is_cut_between_characters_and_says_so() {
    let content = format!("{}needle{}", "ж€𝄞".repeat(300), "𝄞€ж".repeat(300));
    let found = &found(&Query::text("needle", false).unwrap(), content.as_bytes(), 1000)[0];
    assert_eq!((found.before.chars().count(), found.after.chars().count(), found.cut), (200, 200, true));
    assert!(content.contains(&format!("{}needle{}", found.before, found.after)), "nothing in it was replaced");
    let whole = &self::found(&Query::pattern("x+", false).unwrap(), "x".repeat(401).as_bytes(), 64)[0];
    assert_eq!((whole.matched.len(), whole.cut), (400, true));
}

#[test]
fn what_is_no_utf_8_is_replaced_and_found_around() {
    let found = &found(&Query::text("disk", false).unwrap(), b"\xff\xfe disk \xe9t\xe9", 2)[0];
    assert_eq!((found.before.as_str(), found.after.as_str()), ("\u{fffd}\u{fffd} ", " \u{fffd}t\u{fffd}"));
}

#[test]
fn b05_of_a_line_that_is_too_long_the_first_part_is_searched_and_the_next_line_has_its_place() {
    let mut content = vec![b'x'; MAX_LINE - 3];
    content.extend_from_slice(b"in it, and out\r\nnext out\n");
    let mut scanner = Scanner::new(Query::text("out", false).unwrap());
    let found: Vec<_> = content.chunks(64 * 1024).flat_map(|piece| scanner.take(piece)).collect();
    let next = content.len() as u64 - 9;
    assert_eq!(found.iter().map(|line| (line.number, line.offset)).collect::<Vec<_>>(), [(2, next)]);
    assert_eq!(scanner.lines_cut(), 1);
    let within = &self::found(&Query::text("xin", false).unwrap(), &content, content.len())[0];
    assert!(within.cut && within.matched == "xin", "{within:?}");
}

#[test]
fn a_zero_byte_at_the_head_is_no_text() {
    assert!(is_text(b"") && is_text("Ж\n".as_bytes()));
    assert!(!is_text(b"\x7fELF\0"));
    let late = [vec![b'a'; HEAD], vec![0]].concat();
    assert!(is_text(&late));
}

#[test]
fn b05_a_search_ends_at_the_first_limit_that_it_reaches() {
    let limits = Limits { matches: 2, bytes: 10, time: SignedDuration::from_secs(1) };
    let tally = |matches, bytes| Tally { matches, bytes, ..Tally::default() };
    for (tally, seconds, end) in [
        (tally(1, 9), 0, None),
        (tally(2, 9), 0, Some(End::Matches)),
        (tally(0, 10), 0, Some(End::Bytes)),
        (tally(0, 0), 1, Some(End::Time)),
    ] {
        assert_eq!(limits.end(&tally, SignedDuration::from_secs(seconds)), end);
    }
}

proptest! {
    #[test]
    fn b05_pieces_do_not_matter(content in "[ab\n\r€]{0,60}", text in "(a|b|\\^|\\$|\\.|a\\*|[^b]|€){1,4}", piece in 1_usize..20) {
        let Ok(query) = Query::pattern(&text, false) else { return Ok(()) };
        let whole = found(&query, content.as_bytes(), content.len().max(1));
        prop_assert_eq!(&found(&query, content.as_bytes(), piece), &whole);
        for line in whole {
            let at = usize::try_from(line.offset).unwrap();
            let told = format!("{}{}{}", line.before, line.matched, line.after);
            prop_assert!(content[at..].starts_with(&told));
            prop_assert_eq!(content[..at].matches('\n').count() as u64 + 1, line.number);
        }
    }
}
