//! From a key to its partition: the one place that knows how a stream is laid out.

use std::fmt;
use std::str::FromStr;

use gapless_model::{HASH_BITS, PartitionId};
use md5::{Digest, Md5};

/// How the keys of a stream are divided among partitions. It is chosen when the stream is
/// created.
///
/// The text form is the number of partitions, or `each-key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// A fixed number of partitions: two to the power of `bits`, at most
    /// [`Layout::MOST_BITS`]; more count as that many, and no stream can be created with them. Each
    /// covers the hashes that begin with its own `bits` digits.
    Fixed {
        /// How many leading binary digits of a key's hash name its partition.
        bits: u8,
    },
    /// A partition for each key, made by the key's first append. It needs a design with a
    /// counter, and keys of at most 958 bytes.
    EachKey,
}

impl Layout {
    /// The largest `bits` of a fixed layout: 12, for 4096 partitions.
    pub const MOST_BITS: u8 = 12;

    /// Returns a layout with a fixed number of partitions.
    ///
    /// # Errors
    /// Returns [`NoLayout`] unless `partitions` is a power of two from 1 to 4096.
    pub fn fixed(partitions: u32) -> Result<Layout, NoLayout> {
        let bits = partitions.trailing_zeros() as u8;
        if partitions.is_power_of_two() && bits <= Layout::MOST_BITS {
            return Ok(Layout::Fixed { bits });
        }
        Err(NoLayout(partitions.to_string()))
    }

    /// Returns the partition of a key: the same one in every process and release.
    #[must_use]
    pub fn route(self, key: &str) -> PartitionId {
        let hash = Layout::hash(key);
        match self {
            Layout::Fixed { bits } => PartitionId::covering(hash, bits.min(Layout::MOST_BITS)),
            Layout::EachKey => PartitionId::of_key(hash, key),
        }
    }

    /// Returns a key's hash: the first 64 bits of its MD5, as Kinesis places keys. It spreads the keys;
    /// nothing depends on its being hard to invert.
    pub(crate) fn hash(key: &str) -> u64 {
        let digest = Md5::digest(key.as_bytes());
        let first = digest.iter().take(8);
        first.fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }

    /// Returns all partitions in order, or `None` if each key has its own.
    #[must_use]
    pub fn all(self) -> Option<Vec<PartitionId>> {
        match self {
            Layout::Fixed { bits: 0 } => Some(vec![PartitionId::covering(0, 0)]),
            Layout::Fixed { bits } => {
                let bits = bits.min(Layout::MOST_BITS);
                let first = |index: u64| index << (HASH_BITS - bits);
                Some((0..1 << bits).map(|i| PartitionId::covering(first(i), bits)).collect())
            }
            Layout::EachKey => None,
        }
    }

    /// Whether the stream began with this partition: no other comes before it.
    #[must_use]
    pub fn founds(self, partition: &PartitionId) -> bool {
        match self {
            Layout::Fixed { bits } => {
                let digits = usize::from(bits.min(Layout::MOST_BITS));
                partition.key().is_none()
                    && partition.as_str().len() == 1 + digits
                    && !partition.as_str().contains('~')
            }
            Layout::EachKey => partition.key().is_some_and(|key| self.route(key) == *partition),
        }
    }

    /// Whether a key could be routed to this partition, be it after splits and merges.
    #[must_use]
    pub fn has(self, partition: &PartitionId) -> bool {
        match self {
            Layout::Fixed { bits } => {
                // One that the stream began with, or what came of it by splits or, with a mark, by merges.
                let bits = bits.min(Layout::MOST_BITS);
                partition.key().is_none()
                    && (partition.bits() >= bits || partition.as_str().contains('~'))
            }
            Layout::EachKey => self.founds(partition),
        }
    }
}

/// The error of a number or a text that is not a [`Layout`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a layout: write a power of two from 1 to 4096, or `each-key`")]
pub struct NoLayout(String);

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layout::Fixed { bits } => write!(f, "{}", 1_u32 << bits.min(&Layout::MOST_BITS)),
            Layout::EachKey => f.write_str("each-key"),
        }
    }
}

impl FromStr for Layout {
    type Err = NoLayout;

    fn from_str(text: &str) -> Result<Layout, NoLayout> {
        match text {
            "each-key" => Ok(Layout::EachKey),
            number => match number.parse() {
                Ok(partitions) => Layout::fixed(partitions),
                Err(_) => Err(NoLayout(text.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_has_one_partition_and_it_is_one_of_all(key: String, bits in 0..=Layout::MOST_BITS) {
            let layout = Layout::Fixed { bits };
            let route = layout.route(&key);
            prop_assert!(layout.has(&route) && layout.founds(&route));
            let halves = route.halves().expect("it has more digits");
            prop_assert!(halves.iter().all(|half| layout.has(half) && !layout.founds(half)));
            let merged = route.merged().expect("it is of many keys");
            prop_assert!(layout.has(&merged) && !layout.founds(&merged));
            prop_assert!(layout.all().is_some_and(|all| all.binary_search(&route).is_ok()));
            prop_assert!(Layout::EachKey.has(&Layout::EachKey.route(&key)));
        }

        #[test]
        fn layouts_are_read_back(bits in 0..=Layout::MOST_BITS) {
            for layout in [Layout::Fixed { bits }, Layout::EachKey] {
                prop_assert_eq!(layout.to_string().parse(), Ok(layout));
            }
        }
    }

    #[test]
    fn more_bits_than_may_be_count_as_the_most() {
        let [most, more] = [Layout::MOST_BITS, 200].map(|bits| Layout::Fixed { bits });
        assert_eq!(more.all(), most.all());
        assert_eq!(more.route("k"), most.route("k"));
        assert!(more.has(&most.route("k")));
    }

    #[test]
    fn a_partition_with_a_key_in_the_wrong_place_is_not_the_keys() {
        assert!(Layout::EachKey.has(&PartitionId::of_key(Layout::hash("k"), "k")));
        assert!(!Layout::EachKey.has(&PartitionId::of_key(Layout::hash("other"), "k")));
    }

    /// Where the events of a key are must never change. The digests are those of RFC 1321.
    #[test]
    fn a_key_is_placed_by_the_first_bits_of_its_md5() {
        let layout = Layout::Fixed { bits: 12 };
        let places = [("", 0xd41d_8cd9_8f00_b204), ("message digest", 0xf96b_697d_7cb7_938d)];
        for (key, first) in places {
            assert_eq!(layout.route(key), PartitionId::covering(first, 12), "{key}");
            assert_eq!(Layout::hash(key), first, "{key}");
        }
    }

    #[test]
    fn keys_are_spread() {
        let layout = Layout::Fixed { bits: 3 };
        let mut counts = std::collections::BTreeMap::new();
        for key in 0..8_000 {
            *counts.entry(layout.route(&format!("order-{key}"))).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 8);
        assert!(counts.values().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_layout_founds_what_it_begins_with_and_nothing_that_came_of_it() {
        let layout = Layout::Fixed { bits: 1 };
        let founds = |id: &str| layout.founds(&id.parse().expect("an id"));
        assert_eq!(["p0", "p1"].map(founds), [true; 2]);
        assert_eq!(["p", "p00", "p0~", "p~", "p~0"].map(founds), [false; 5]);
    }

    #[test]
    fn what_is_no_layout_is_refused() {
        for text in ["0", "3", "8192", "-1", "many", ""] {
            assert!(text.parse::<Layout>().is_err(), "{text}");
        }
    }
}
