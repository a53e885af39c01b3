//! Partition ids: prefixes of a key's hash, in binary digits.
//!
//! `p` is the root, to which every key belongs; `p0` and `p1` are its halves. Where every key
//! has a partition of its own, the id is the whole hash, a colon and the key. So
//! `begins_with(id)` finds a partition and everything below it, and plain string order puts a
//! parent before its children. The `p` is there because DynamoDB accepts no empty key.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The number of binary digits in the hash of a key.
pub const HASH_BITS: u8 = 64;

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
     `p01`; the partition of a single key has all {HASH_BITS} digits, a colon and the key"
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
        let digits = self.0.bytes().skip(1).take_while(|byte| matches!(byte, b'0' | b'1'));
        digits.count().try_into().unwrap_or(HASH_BITS)
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
        let bits = digits.strip_prefix('p').map(str::len);
        let binary = digits.bytes().skip(1).all(|byte| matches!(byte, b'0' | b'1'));
        let whole = usize::from(HASH_BITS);
        let fits = match (bits, key) {
            (Some(bits), Some(_)) => bits == whole,
            (Some(bits), None) => bits <= whole,
            (None, _) => false,
        };
        if binary && fits { Ok(PartitionId(text.into())) } else { Err(NoPartition { text }) }
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

    proptest! {
        #[test]
        fn a_parent_sorts_before_its_children_and_begins_their_ids(hash: u64, bits in 0..HASH_BITS) {
            let (parent, child) =
                (PartitionId::covering(hash, bits), PartitionId::covering(hash, bits + 1));
            prop_assert!(parent < child);
            prop_assert!(child.as_str().starts_with(parent.as_str()));
            prop_assert_eq!(parent.bits(), bits);
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
        for text in ["", "0", "p2", "q0", "p0:key", "#stream", &format!("p{}", "0".repeat(65))] {
            assert!(text.parse::<PartitionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_keys_own_partition_knows_the_key() {
        let id = PartitionId::of_key(1, "order:17");
        assert_eq!((id.key(), id.bits()), (Some("order:17"), HASH_BITS));
        assert_eq!(PartitionId::covering(0, 0).key(), None);
    }
}
