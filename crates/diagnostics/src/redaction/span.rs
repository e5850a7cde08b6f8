//! What was found in a piece of text, and how it is put together and written.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::pieces;
use super::policy::Rule;
use super::pseudonym::Pseudonyms;

/// What stands in the place of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Put {
    /// `[masked:rule]`.
    Mask,
    /// The same within quotation marks, where JSON would break without them.
    Quoted(Vec<u8>),
    /// A pseudonym for it.
    Pseudonym(Real),
}

/// What a pseudonym stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Real {
    /// A name of that kind: the text itself.
    Name(&'static str),
    /// An address of mail: the text itself.
    Mail,
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    /// A hardware address, and what separates its bytes.
    Mac([u8; 6], char),
}

/// Something found, by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    pub(super) fn is_secret(&self) -> bool {
        !matches!(self.put, Put::Pseudonym(_))
    }
}

/// What is being found in a piece, in the order of where it ends.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) spans: Vec<Span>,
    /// From what led to something to where that ends: a piece that is cut between them would lose it.
    bonds: Vec<(usize, usize)>,
    /// What led to what is found now, such as a name before a value.
    anchor: Option<(usize, usize)>,
    /// The secret that reaches farthest.
    covered: (usize, usize),
}

impl Found {
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

    /// The last place at `latest` or before it where a line begins and nothing found is cut in two.
    pub(super) fn cut(&mut self, piece: &[u8], latest: usize) -> usize {
        self.bonds.sort_unstable();
        self.bonds.dedup_by(|next, last| {
            let overlaps = next.0 < last.1;
            if overlaps {
                last.1 = last.1.max(next.1);
            }
            overlaps
        });
        let mut cut = latest;
        while let Some(bond) = self.bonds.partition_point(|bond| bond.0 < cut).checked_sub(1).map(|at| self.bonds[at])
            && cut < bond.1
        {
            cut = pieces::line_start(piece, bond.0);
        }
        cut
    }
}

/// Puts spans in order without overlaps. Secrets win, and two that overlap become one: nothing of either is left. Of names and
/// addresses the first and longest is kept.
pub(super) fn settle(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.start < span.end);
    spans.sort_by(|a, b| (!a.is_secret(), a.start, b.end).cmp(&(!b.is_secret(), b.start, a.end)));
    let names = spans.split_off(spans.partition_point(Span::is_secret));
    let mut secrets: Vec<Span> = Vec::with_capacity(spans.len() + names.len());
    for span in spans {
        match secrets.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => secrets.push(span),
        }
    }
    let mut settled: Vec<Span> = Vec::with_capacity(secrets.len() + names.len());
    let mut ahead = secrets.into_iter().peekable();
    let mut free = 0;
    for name in names {
        while let Some(secret) = ahead.next_if(|secret| secret.start < name.end) {
            // A secret that begins within a name already kept cannot be: the name was dropped for it below.
            free = free.max(secret.end);
            settled.push(secret);
        }
        if name.start >= free {
            free = name.end;
            settled.push(name);
        }
    }
    settled.extend(ahead);
    settled
}

/// Writes a piece with its spans replaced, and counts them.
pub(super) fn replace(
    piece: &[u8],
    spans: &[Span],
    pseudonyms: &mut Pseudonyms,
    counts: &mut BTreeMap<Rule, u64>,
    out: &mut Vec<u8>,
) {
    let mut at = 0;
    for span in spans {
        out.extend_from_slice(&piece[at..span.start]);
        match &span.put {
            Put::Pseudonym(real) => {
                out.extend_from_slice(pseudonyms.of(*real, &piece[span.start..span.end]).as_bytes());
            }
            Put::Mask => mask(span.rule, out),
            Put::Quoted(quote) => {
                out.extend_from_slice(quote);
                mask(span.rule, out);
                out.extend_from_slice(quote);
            }
        }
        // Lines stay lines, also where a secret had several.
        out.extend(piece[span.start..span.end].iter().filter(|byte| **byte == b'\n'));
        *counts.entry(span.rule).or_default() += 1;
        at = span.end;
    }
    out.extend_from_slice(&piece[at..]);
}

fn mask(rule: Rule, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[masked:");
    out.extend_from_slice(rule.name().as_bytes());
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_that_overlap_become_one_and_win_over_names() {
        let name = |start, end| Span::pseudonym(start, end, Rule::Host, Real::Name("host"));
        let secret = |start, end| Span::secret(start, end, Rule::Token);
        let settled = settle(vec![name(0, 3), name(4, 9), secret(6, 12), secret(10, 20), name(15, 30), name(20, 24)]);
        let places: Vec<_> = settled.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(places, [(0, 3), (6, 20), (20, 24)]);
    }

    #[test]
    fn lines_stay_lines() {
        let (mut counts, mut out) = (BTreeMap::new(), Vec::new());
        replace(
            b"a\nb\nc",
            &[Span::secret(1, 4, Rule::PrivateKey)],
            &mut Pseudonyms::new(&[0; 32]),
            &mut counts,
            &mut out,
        );
        assert_eq!(out, b"a[masked:private-key]\n\nc");
    }

    proptest! {
        #[test]
        fn settled_spans_are_in_order_and_cover_every_secret(
            places in prop::collection::vec((0usize..60, 0usize..20, any::<bool>()), 0..30)
        ) {
            let spans: Vec<Span> = places.iter().map(|&(start, length, secret)| if secret {
                Span::secret(start, start + length, Rule::Token)
            } else {
                Span::pseudonym(start, start + length, Rule::Host, Real::Name("host"))
            }).collect();
            let settled = settle(spans.clone());
            prop_assert!(settled.windows(2).all(|pair| pair[0].end <= pair[1].start));
            for span in spans.iter().filter(|span| span.is_secret()) {
                for at in span.start..span.end {
                    prop_assert!(settled.iter().any(|s| s.is_secret() && s.start <= at && at < s.end));
                }
            }
        }
    }
}
