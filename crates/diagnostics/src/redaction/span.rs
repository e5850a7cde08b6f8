//! What was found in a piece of text, and how it is put together and written.

use std::cmp::Reverse;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::pieces;
use super::policy::{Policy, Rule};
use super::pseudonym::Pseudonyms;
use super::values::Quote;
use crate::Masked;

/// How far back a span is put in its place when it is found.
const MAX_BACK: usize = 8;
/// How often the place of a cut is looked for without sorting.
const MAX_LOOKS: usize = 8;

/// What stands in the place of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// `[masked:rule]`.
    Mask,
    /// The same within quotation marks, where JSON would break without them.
    Quoted(Quote),
    /// A pseudonym for it.
    Pseudonym(Real),
}

/// What a pseudonym stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Real {
    /// A name: the text itself.
    Name,
    /// An address of mail: the text itself.
    Mail,
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    /// A hardware address, and what separates its bytes.
    Mac([u8; 6], char),
}

/// Something found, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: Rule,
    pub(super) put: Put,
}

impl Span {
    pub(super) fn secret(start: usize, end: usize, rule: Rule) -> Self {
        Self { start, end, rule, put: Put::Mask }
    }

    pub(super) fn pseudonym(start: usize, end: usize, rule: Rule, real: Real) -> Self {
        Self { start, end, rule, put: Put::Pseudonym(real) }
    }

    /// Those that begin earlier come first, and of several the longest.
    fn place(&self) -> (usize, Reverse<usize>) {
        (self.start, Reverse(self.end))
    }

    pub(super) fn is_secret(&self) -> bool {
        !matches!(self.put, Put::Pseudonym(_))
    }
}

/// What is being found in a piece, in the order of where it ends.
#[derive(Debug, Default)]
pub(super) struct Found {
    spans: Vec<Span>,
    /// How many of them were found by what stands before them. Those known by their shape are found when the text is gone over again, and begin a
    /// new row.
    anchored: usize,
    /// In order and without overlaps.
    settled: Vec<Span>,
    /// From what led to something to where that ends: a piece that is cut between them would lose it.
    bonds: Vec<(usize, usize)>,
    /// What led to what is found now, such as a name before a value.
    anchor: Option<(usize, usize)>,
    /// The secret that reaches farthest.
    covered: (usize, usize),
}

impl Found {
    /// Forgets what was found, and keeps the room for it.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.bonds.clear();
        (self.anchored, self.anchor, self.covered) = (0, None, (0, 0));
    }

    /// The text is gone over once more: what is found now stands before what was found last.
    pub(super) fn again(&mut self) {
        self.anchored = self.spans.len();
    }

    /// What was found, as it was found.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// What is found from now on is found because of what stands here.
    pub(super) fn because_of(&mut self, anchor: Option<(usize, usize)>) {
        self.anchor = anchor;
    }

    pub(super) fn push(&mut self, span: Span) {
        self.reach(span.start, span.end);
        if span.is_secret() && span.end > self.covered.1 {
            let start = if span.start <= self.covered.1 { self.covered.0.min(span.start) } else { span.start };
            self.covered = (start, span.end);
        }
        self.spans.push(span);
        // What is found is nearly in order already. Where it is not, the few before it are: sorting has nothing left to do.
        let mut at = self.spans.len() - 1;
        while at > self.anchored
            && self.spans.len() - at <= MAX_BACK
            && self.spans[at - 1].place() > self.spans[at].place()
        {
            self.spans.swap(at - 1, at);
            at -= 1;
        }
    }

    /// Binds a place to what led to it.
    pub(super) fn reach(&mut self, start: usize, end: usize) {
        let (first, behind) = self.anchor.unwrap_or((start, end));
        let (start, end) = (first.min(start), behind.max(end));
        match self.bonds.last_mut() {
            Some(last) if start <= last.1 && last.0 <= end => *last = (last.0.min(start), last.1.max(end)),
            _ => self.bonds.push((start, end)),
        }
    }

    /// Whether a secret was found that holds all of this. It is not read again: a run of beginnings takes no longer than one.
    pub(super) fn covers(&self, start: usize, end: usize) -> bool {
        self.covered.0 <= start && end <= self.covered.1
    }

    /// What was found, in order and without overlaps. Secrets win, and two that overlap become one: nothing of either is left. Of names and
    /// addresses the first and longest is kept.
    pub(super) fn settle(&mut self) -> &[Span] {
        let Self { spans, anchored, settled, .. } = self;
        settled.clear();
        let (anchored, shapes) = spans.split_at_mut(*anchored);
        // Each row is in order, but for few of them.
        anchored.sort_by_key(Span::place);
        shapes.sort_by_key(Span::place);
        let (mut anchored, mut shapes) = (anchored.iter().peekable(), shapes.iter().peekable());
        let (mut together, mut end) = (Vec::new(), 0);
        let rows = std::iter::from_fn(|| match (anchored.peek(), shapes.peek()) {
            (Some(one), Some(other)) if other.place() < one.place() => shapes.next(),
            (None, _) => shapes.next(),
            _ => anchored.next(),
        });
        // Most stand alone: only those that overlap have to be weighed against each other.
        for span in rows.filter(|span| span.start < span.end) {
            if span.start >= end {
                weigh(&mut together, settled);
            }
            end = end.max(span.end);
            together.push(*span);
        }
        weigh(&mut together, settled);
        settled
    }

    /// The last place at `latest` or before it where a line begins and nothing found is cut in two.
    pub(super) fn cut(&mut self, piece: &[u8], latest: usize) -> usize {
        let mut cut = latest;
        // Mostly nothing is cut, or one thing: then it is enough to look at all of them.
        for _ in 0..MAX_LOOKS {
            let Some(bond) = self.bonds.iter().find(|bond| bond.0 < cut && cut < bond.1) else { return cut };
            cut = pieces::line_start(piece, bond.0);
        }
        self.bonds.sort_unstable();
        self.bonds.dedup_by(|next, last| {
            let overlaps = next.0 < last.1;
            if overlaps {
                last.1 = last.1.max(next.1);
            }
            overlaps
        });
        while let Some(bond) = self.bonds.partition_point(|bond| bond.0 < cut).checked_sub(1).map(|at| self.bonds[at])
            && cut < bond.1
        {
            cut = pieces::line_start(piece, bond.0);
        }
        cut
    }
}

/// Settles spans that overlap, and empties the list of them.
fn weigh(together: &mut Vec<Span>, settled: &mut Vec<Span>) {
    let mut free = 0;
    if !together.iter().any(Span::is_secret) {
        for name in together.drain(..) {
            if name.start >= free {
                free = name.end;
                settled.push(name);
            }
        }
        return;
    }
    let (found, names): (Vec<Span>, Vec<Span>) = together.drain(..).partition(Span::is_secret);
    let mut secrets: Vec<Span> = Vec::with_capacity(found.len());
    for span in found {
        match secrets.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => secrets.push(span),
        }
    }
    let mut ahead = secrets.into_iter().peekable();
    for name in names {
        while let Some(secret) = ahead.next_if(|secret| secret.end <= name.start) {
            settled.push(secret);
        }
        let is_apart = ahead.peek().is_none_or(|secret| name.end <= secret.start);
        if is_apart && name.start >= free {
            free = name.end;
            settled.push(name);
        }
    }
    settled.extend(ahead);
}

/// How often each rule masked something.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<(Rule, u64)>);

impl Counts {
    fn add(&mut self, rule: Rule) {
        // A text has few rules: a list of them is faster than any map.
        match self.0.iter_mut().find(|(counted, _)| *counted == rule) {
            Some((_, count)) => *count += 1,
            None => self.0.push((rule, 1)),
        }
    }

    /// As a manifest says it.
    pub(super) fn masked(self, policy: &Policy) -> Masked {
        Masked(self.0.into_iter().map(|(rule, count)| (policy.name_of(rule).to_owned(), count)).collect())
    }
}

/// Writes a piece with its spans replaced, and counts them.
pub(super) fn replace(
    piece: &[u8],
    spans: &[Span],
    policy: &Policy,
    pseudonyms: &mut Pseudonyms,
    counts: &mut Counts,
    out: &mut Vec<u8>,
) {
    let mut at = 0;
    for span in spans {
        out.extend_from_slice(&piece[at..span.start]);
        let real = &piece[span.start..span.end];
        let rule = || policy.name_of(span.rule);
        match span.put {
            Put::Pseudonym(kind) => pseudonyms.write((span.rule, rule()), kind, real, out),
            Put::Mask => mask(rule(), out),
            Put::Quoted(quote) => {
                let quote = quote.bytes();
                out.extend_from_slice(&quote);
                mask(rule(), out);
                out.extend_from_slice(&quote);
            }
        }
        // Lines stay lines, also where a secret had several. Names and addresses have one.
        if span.is_secret() {
            out.extend(real.iter().filter(|byte| **byte == b'\n'));
        }
        counts.add(span.rule);
        at = span.end;
    }
    out.extend_from_slice(&piece[at..]);
}

fn mask(rule: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[masked:");
    out.extend_from_slice(rule.as_bytes());
    out.push(b']');
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use proptest::prelude::*;

    use super::*;

    fn settled(spans: &[Span]) -> Vec<Span> {
        let mut found = Found::default();
        for (number, span) in spans.iter().enumerate() {
            if number == spans.len() / 2 {
                found.again();
            }
            found.push(*span);
        }
        found.settle().to_vec()
    }

    #[test]
    fn secrets_that_overlap_become_one_and_win_over_names() {
        let name = |start, end| Span::pseudonym(start, end, Rule::Host, Real::Name);
        let secret = |start, end| Span::secret(start, end, Rule::Token);
        let settled = settled(&[name(0, 3), name(4, 9), secret(6, 12), secret(10, 20), name(15, 30), name(20, 24)]);
        let places: Vec<_> = settled.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 3), (6, 20), (20, 24)]);
    }

    #[test]
    fn v07_a_name_before_a_secret_is_kept_though_a_longer_one_is_dropped_for_the_secret() {
        let name = |start, end| Span::pseudonym(start, end, Rule::Host, Real::Name);
        let settled = settled(&[name(0, 4), Span::secret(5, 9, Rule::Token), name(0, 7), name(8, 12), name(9, 11)]);
        let places: Vec<_> = settled.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 4), (5, 9), (9, 11)]);
    }

    #[test]
    fn lines_stay_lines() {
        let (policy, mut pseudonyms) = (Policy::standard().unwrap(), Pseudonyms::new(&[0; 32]));
        let (mut counts, mut out) = (Counts::default(), Vec::new());
        let secret = Span::secret(1, 4, Rule::PrivateKey);
        replace(b"a\nb\nc", &[secret], &policy, &mut pseudonyms, &mut counts, &mut out);
        assert_eq!(out, b"a[masked:private-key]\n\nc");
        assert_eq!(counts.masked(&policy).0["private-key"], 1);
    }

    proptest! {
        #[test]
        fn settled_spans_are_in_order_and_cover_every_secret(
            places in prop::collection::vec((0usize..60, 0usize..20, any::<bool>()), 0..30)
        ) {
            let spans: Vec<Span> = places.iter().map(|&(start, length, secret)| if secret {
                Span::secret(start, start + length, Rule::Token)
            } else {
                Span::pseudonym(start, start + length, Rule::Host, Real::Name)
            }).collect();
            let settled = settled(&spans);
            prop_assert!(settled.windows(2).all(|pair| pair[0].end <= pair[1].start));
            for span in spans.iter().filter(|span| span.is_secret()) {
                for at in span.start..span.end {
                    prop_assert!(settled.iter().any(|s| s.is_secret() && s.start <= at && at < s.end));
                }
            }
        }
    }
}
