//! What lies in packs: the contents of entries one behind another, each with the digest that its entries say.

use std::collections::BTreeMap;
use std::mem;

use aws_lc_rs::digest::{Context, SHA256};

use crate::{Digest, Entry, Manifest};

/// The contents of one pack in the order in which they lie, verified while the pack passes.
pub struct Contents<'m> {
    /// An entry for each of them: several may share one.
    entries: Vec<&'m Entry>,
    /// Which of them passes, and how much of it has passed.
    at: (usize, u64),
    context: Context,
}

impl Manifest {
    /// What has to lie in each of its packs, by the pack's digest.
    pub fn packed(&self) -> BTreeMap<Digest, Contents<'_>> {
        let mut places = BTreeMap::new();
        for entry in &self.entries {
            if let Some(packed) = entry.packed {
                places.entry(packed).or_insert(entry);
            }
        }
        let mut packs: BTreeMap<Digest, Contents<'_>> = BTreeMap::new();
        for (packed, entry) in places {
            if let Some(pack) = self.packs.get(packed.pack as usize) {
                packs.entry(pack.sha256).or_insert_with(Contents::new).entries.push(entry);
            }
        }
        packs
    }
}

impl<'m> Contents<'m> {
    fn new() -> Self {
        Self { entries: Vec::new(), at: (0, 0), context: Context::new(&SHA256) }
    }

    /// Takes the next bytes of the pack; tells an entry whose content they are not.
    pub fn pass(&mut self, mut bytes: &[u8]) -> Result<(), &'m Entry> {
        while let (Some(entry), false) = (self.entries.get(self.at.0).copied(), bytes.is_empty()) {
            let left = entry.size_bytes.saturating_sub(self.at.1);
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let (content, rest) = bytes.split_at(count);
            self.context.update(content);
            self.at.1 += count as u64;
            bytes = rest;
            if self.at.1 == entry.size_bytes {
                let context = mem::replace(&mut self.context, Context::new(&SHA256));
                self.at = (self.at.0 + 1, 0);
                if context.finish().as_ref() != entry.sha256.0 {
                    return Err(entry);
                }
            }
        }
        Ok(())
    }

    /// The digest of what has to lie in the pack: the sizes and digests of its contents. Whoever verified a pack by it need not
    /// read it again.
    pub fn layout(&self) -> Digest {
        let mut list = Vec::with_capacity(self.entries.len() * 40);
        for entry in &self.entries {
            list.extend_from_slice(&entry.size_bytes.to_le_bytes());
            list.extend_from_slice(&entry.sha256.0);
        }
        Digest::of(&list)
    }
}

#[cfg(test)]
mod tests {
    //! Proves B03.

    use super::*;
    use crate::{Masked, Pack, Packed, Redaction};

    fn manifest(contents: &[(&str, &[u8], u64)], pack: &[u8]) -> Manifest {
        let entry = |(path, content, offset): &(&str, &[u8], u64)| Entry {
            path: (*path).into(),
            media_type: "text/plain".into(),
            size_bytes: content.len() as u64,
            sha256: Digest::of(content),
            collector: "logs".into(),
            failed: None,
            packed: Some(Packed { pack: 0, offset: *offset }),
            masked: Masked::default(),
        };
        Manifest {
            format: 1,
            profile: "linux-host/1".into(),
            collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            ticket: None,
            pseudonyms_for: None,
            packs: vec![Pack { sha256: Digest::of(pack), size_bytes: pack.len() as u64 }],
            entries: contents.iter().map(entry).collect(),
        }
    }

    #[test]
    fn b03_contents_are_verified_however_the_pack_is_cut_and_the_first_that_differs_is_named() {
        let manifest = manifest(&[("c", b"three", 3), ("a", b"one", 0), ("b", b"one", 0)], b"onethree");
        let digest = Digest::of(b"onethree");
        for step in 1..=8 {
            let mut contents = manifest.packed().remove(&digest).unwrap();
            assert!(b"onethree".chunks(step).all(|piece| contents.pass(piece).is_ok()), "in steps of {step}");
            let mut contents = manifest.packed().remove(&digest).unwrap();
            let refused: Vec<_> = b"onetheee".chunks(step).filter_map(|piece| contents.pass(piece).err()).collect();
            assert_eq!(refused.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["c"]);
        }
    }

    #[test]
    fn b03_another_cut_of_the_same_pack_is_another_layout() {
        let layout = |contents: &[(&str, &[u8], u64)]| {
            manifest(contents, b"onethree").packed().remove(&Digest::of(b"onethree")).unwrap().layout()
        };
        let one = layout(&[("a", b"one", 0), ("b", b"three", 3)]);
        assert_eq!(one, layout(&[("other", b"three", 3), ("path", b"one", 0), ("twice", b"one", 0)]));
        assert_ne!(one, layout(&[("a", b"onet", 0), ("b", b"hree", 4)]));
    }
}
