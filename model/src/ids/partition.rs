//! Partition ids: prefixes of a key's hash, in binary digits.
//!
//! `p` is the root, to which every key belongs; `p0` and `p1` are its halves. What was split can be
//! merged again: the merge of everything below a partition opens the next generation of its prefix, which
//! is written with a `~`. So `p~` comes after `p0` and `p1`, as they come after `p`, and covers what `p`
//! covered; its halves are `p~0` and `p~1`. Where every key has a partition of its own, the id is the whole
//! hash, a colon and the key.
//!
//! So `begins_with(id)` finds a partition, everything that came of it by splits and what of that was merged
//! again, and plain string order puts parents before their children: `~` sorts after every digit. The `p` is there because DynamoDB accepts
//! no empty key.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The number of binary digits in the hash of a key.
pub const HASH_BITS: u8 = 64;

/// Opens the next generation of a prefix. It sorts after every digit.
const GENERATION: u8 = b'~';

/// The id of a partition, such as `p01`: the leading binary digits of the hashes that it covers.
///
/// It is valid by construction. Cloning it copies a reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartitionId(Arc<str>);

/// The error for a text that is not the id of a partition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a partition id: an id is `p` and up to {HASH_BITS} binary digits, such as \
     `p01`, with a `~` behind what was merged, such as `p0~1`; the partition of a single key has all \
     {HASH_BITS} digits, a colon and the key"
)]
pub struct NoPartition {
    text: String,
}

impl PartitionId {
    /// Returns the partition of all hashes that begin with the first `bits` digits of `hash`.
    ///
    /// # Panics
    /// If `bits` is more than [`HASH_BITS`].
    #[must_use]
    pub fn covering(hash: u64, bits: u8) -> PartitionId {
        assert!(bits <= HASH_BITS, "a hash has {HASH_BITS} digits, not {bits}");
        let digit = |index: u8| if hash >> (HASH_BITS - 1 - index) & 1 == 1 { '1' } else { '0' };
        PartitionId(std::iter::once('p').chain((0..bits).map(digit)).collect::<String>().into())
    }

    /// Returns the partition of a single key, which has the given hash.
    #[must_use]
    pub fn of_key(hash: u64, key: &str) -> PartitionId {
        PartitionId(format!("{}:{key}", PartitionId::covering(hash, HASH_BITS)).into())
    }

    /// Returns the id as it is stored in the tables.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns how many leading digits of a hash the partition fixes: 0 for the root.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.digits().count().try_into().unwrap_or(HASH_BITS)
    }

    /// The digits of the hashes that the partition covers, from the first.
    fn digits(&self) -> impl Iterator<Item = u8> {
        let prefix = self.0.bytes().skip(1).take_while(|byte| *byte != b':');
        prefix.filter(|byte| *byte != GENERATION)
    }

    /// Returns whether the partition covers a key's hash.
    #[must_use]
    pub fn covers(&self, hash: u64) -> bool {
        let bit = |index: u32| b'0' + (hash >> (u64::BITS - 1 - index) & 1) as u8;
        (0..).zip(self.digits()).all(|(index, digit)| bit(index) == digit)
    }

    /// Returns whether two partitions have a hash in common that both cover. Then one of them came of
    /// the other, or of a merge of it with others: the one that sorts behind.
    #[must_use]
    pub fn overlaps(&self, other: &PartitionId) -> bool {
        self.digits().zip(other.digits()).all(|(own, others)| own == others)
    }

    /// Returns whether these partitions, no two of which overlap, cover every hash that this one covers.
    #[must_use]
    pub fn is_covered_by<'a>(&self, others: impl IntoIterator<Item = &'a PartitionId>) -> bool {
        let size = |partition: &PartitionId| 1_u128 << (HASH_BITS - partition.bits());
        let common = |other: &PartitionId| size(other).min(size(self));
        let covered = others.into_iter().filter(|it| it.overlaps(self)).map(common).sum::<u128>();
        covered >= size(self)
    }

    /// Returns the partitions that take this one's place when it is split; `None` if it cannot be: it fixes
    /// every digit of a hash.
    #[must_use]
    pub fn halves(&self) -> Option<[PartitionId; 2]> {
        let half = |digit: char| PartitionId(format!("{}{digit}", self.0).into());
        (self.bits() < HASH_BITS && self.key().is_none()).then(|| [half('0'), half('1')])
    }

    /// Returns the partition that takes the place of everything that came of this one, when that is
    /// merged; `None` of the partition of a single key, which is never split.
    #[must_use]
    pub fn merged(&self) -> Option<PartitionId> {
        let id = || PartitionId(format!("{}{}", self.0, char::from(GENERATION)).into());
        self.key().is_none().then(id)
    }

    /// Returns what this partition is a half of, if it came of a split.
    #[must_use]
    pub fn whole(&self) -> Option<PartitionId> {
        let whole = self.0.strip_suffix(['0', '1']).filter(|_| self.key().is_none())?;
        Some(PartitionId(whole.into()))
    }

    /// Returns the partition of which everything was merged into this one, if it came of a merge.
    #[must_use]
    pub fn family(&self) -> Option<PartitionId> {
        let family =
            self.0.strip_suffix(char::from(GENERATION)).filter(|_| self.key().is_none())?;
        Some(PartitionId(family.into()))
    }

    /// Returns the partition whose merge would take the place of this one and of the other half of its
    /// family; `None` if it covers everything, or is the partition of a single key.
    ///
    /// `p0` and `p1` are merged into `p~`, as are `p0~` and `p1`; `p~0` and `p~1` are merged into `p~~`.
    #[must_use]
    pub fn merges_into(&self) -> Option<PartitionId> {
        let half = self.0.trim_end_matches(char::from(GENERATION));
        PartitionId(half.into()).whole()?.merged()
    }

    /// Returns the key, if this is the partition of a single key.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, key)| key)
    }
}

impl TryFrom<String> for PartitionId {
    type Error = NoPartition;

    fn try_from(text: String) -> Result<Self, NoPartition> {
        let (digits, key) = match text.split_once(':') {
            Some((digits, key)) => (digits, Some(key)),
            None => (text.as_str(), None),
        };
        let Some(prefix) = digits.strip_prefix('p') else { return Err(NoPartition { text }) };
        let is_digit = |byte: &u8| matches!(byte, b'0' | b'1');
        let bits = prefix.bytes().filter(is_digit).count();
        let merged = prefix.bytes().filter(|byte| *byte == GENERATION).count();
        let whole = usize::from(HASH_BITS);
        let fits = match key {
            Some(_) => bits == whole && merged == 0,
            None => bits <= whole,
        };
        if fits && bits + merged == prefix.len() {
            Ok(PartitionId(text.into()))
        } else {
            Err(NoPartition { text })
        }
    }
}

impl std::str::FromStr for PartitionId {
    type Err = NoPartition;

    fn from_str(text: &str) -> Result<Self, NoPartition> {
        PartitionId::try_from(text.to_owned())
    }
}

impl From<PartitionId> for String {
    fn from(id: PartitionId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> PartitionId {
        text.parse().expect("an id")
    }

    proptest! {
        #[test]
        fn a_parent_sorts_before_its_children_and_begins_their_ids(hash: u64, bits in 0..HASH_BITS) {
            let (parent, child) =
                (PartitionId::covering(hash, bits), PartitionId::covering(hash, bits + 1));
            prop_assert!(parent < child);
            prop_assert!(child.as_str().starts_with(parent.as_str()));
            prop_assert_eq!(parent.bits(), bits);
        }

        /// Splits and merges at random: of what a step is done to, what came of it sorts behind, begins
        /// with the same, and covers the same hashes.
        #[test]
        fn what_comes_of_a_partition_sorts_behind_it(
            hash: u64,
            steps in proptest::collection::vec(any::<bool>(), 1..12),
        ) {
            let mut id = PartitionId::covering(0, 0);
            let mut before = vec![id.clone()];
            for splits in steps {
                let next = if splits {
                    let halves = id.halves().expect("it has few digits");
                    prop_assert_eq!(halves.iter().filter(|half| half.covers(hash)).count(), 1);
                    prop_assert!(halves.iter().all(|half| half.whole() == Some(id.clone())));
                    halves.into_iter().find(|half| half.covers(hash)).expect("one covers it")
                } else {
                    // All that came of an ancestor by splits is merged.
                    let whole = id.whole().unwrap_or_else(|| id.clone());
                    let merged = whole.merged().expect("no single key");
                    prop_assert_eq!(merged.family(), Some(whole));
                    merged
                };
                prop_assert!(before.iter().all(|earlier| *earlier < next), "{:?} {}", before, next);
                prop_assert!(before.iter().all(|earlier| earlier.overlaps(&next)));
                prop_assert!(next.covers(hash));
                prop_assert_eq!(next.as_str().parse(), Ok(next.clone()));
                before.push(next.clone());
                id = next;
            }
        }

        #[test]
        fn ids_are_read_back(hash: u64, bits in 0..=HASH_BITS, key: String) {
            for id in [PartitionId::covering(hash, bits), PartitionId::of_key(hash, &key)] {
                prop_assert_eq!(id.as_str().parse(), Ok(id.clone()));
            }
        }

        #[test]
        fn partitions_of_one_length_divide_the_hashes(a: u64, b: u64, bits in 1..8_u8) {
            let same = PartitionId::covering(a, bits) == PartitionId::covering(b, bits);
            prop_assert_eq!(same, a >> (HASH_BITS - bits) == b >> (HASH_BITS - bits));
        }
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        let (long, merged_key) =
            (format!("p{}", "0".repeat(65)), format!("p{}~:k", "0".repeat(64)));
        for text in ["", "0", "p2", "q0", "p0:key", "p0~:key", "p0-", "#stream", &long, &merged_key]
        {
            assert!(text.parse::<PartitionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn partitions_overlap_where_one_covers_what_the_other_does() {
        let overlaps = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|id| id.parse::<PartitionId>().expect("an id"));
            assert_eq!(a.overlaps(&b), b.overlaps(&a));
            a.overlaps(&b)
        };
        assert!(overlaps("p01", "p~") && overlaps("p0", "p~01") && overlaps("p0~", "p00"));
        assert!(!overlaps("p01", "p~1") && !overlaps("p0~1", "p00"));
    }

    #[test]
    fn generations_are_ordered_as_they_come() {
        let ids = ["p", "p0", "p00", "p01", "p0~", "p1", "p~", "p~0", "p~~"];
        let ids = ids.map(|id| id.parse::<PartitionId>().expect("an id"));
        assert!(ids.is_sorted());
        assert_eq!(ids.map(|id| id.bits()), [0, 1, 2, 2, 1, 1, 0, 1, 0]);
    }

    #[test]
    fn both_halves_of_a_family_are_merged_into_its_next_generation() {
        let cases = [("p0", "p~"), ("p1", "p~"), ("p0~", "p~"), ("p0~~", "p~"), ("p~0", "p~~")];
        for (half, merged) in cases.map(|(half, merged)| (id(half), id(merged))) {
            assert_eq!(half.merges_into(), Some(merged));
        }
        for all in ["p", "p~", "p~~"] {
            assert_eq!(id(all).merges_into(), None);
        }
        assert_eq!(PartitionId::of_key(1, "k").merges_into(), None);
    }

    #[test]
    fn a_partition_is_covered_by_its_parents_and_not_by_some_of_them() {
        let covered = |by: &[&str], whole: &str| {
            let by: Vec<_> = by.iter().copied().map(id).collect();
            id(whole).is_covered_by(&by)
        };
        assert!(covered(&["p"], "p0"));
        assert!(covered(&["p0~", "p1"], "p~"));
        assert!(covered(&["p00", "p01", "p1"], "p~"));
        assert!(covered(&["p~01"], "p~011"));
        assert!(!covered(&["p0"], "p~"));
        assert!(!covered(&["p00", "p1"], "p~"));
        assert!(!covered(&["p1"], "p0"));
        assert!(!covered(&[], "p"));
        let finest = PartitionId::covering(1, HASH_BITS);
        assert!(finest.is_covered_by([&finest]));
        assert!(!finest.is_covered_by([&PartitionId::covering(0, HASH_BITS)]));
    }

    #[test]
    fn the_partition_of_a_single_key_is_neither_split_nor_merged() {
        let id = PartitionId::of_key(1, "k0~");
        assert_eq!((id.halves(), id.merged(), id.whole(), id.family()), (None, None, None, None));
        assert_eq!(PartitionId::covering(0, HASH_BITS).halves(), None);
    }

    #[test]
    fn a_keys_own_partition_knows_the_key() {
        let id = PartitionId::of_key(1, "order:17");
        assert_eq!((id.key(), id.bits()), (Some("order:17"), HASH_BITS));
        assert_eq!(PartitionId::covering(0, 0).key(), None);
    }
}
