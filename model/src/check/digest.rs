//! Hashing a state of many small numbers.
//!
//! A derived `Hash` feeds the hasher one number at a time, and each costs a round. This hasher
//! stands in front of the real one and packs the numbers, most of which fit in a byte, into words
//! of eight.

use std::hash::Hasher;

/// A hasher that packs numbers into words for the hasher behind it.
pub(super) struct Digest<'a, H: Hasher> {
    behind: &'a mut H,
    word: u64,
    filled: u32,
}

/// The byte that announces a number which does not fit in a byte. With it, different sequences of
/// numbers are packed differently.
const WIDE: u64 = 0xff;

impl<'a, H: Hasher> Digest<'a, H> {
    pub(super) fn new(behind: &'a mut H) -> Self {
        Digest { behind, word: 0, filled: 0 }
    }

    /// Passes the rest to the hasher behind, which must happen before it is finished.
    pub(super) fn close(self) {
        self.behind.write_u64(self.word);
        self.behind.write_u32(self.filled);
    }

    #[inline]
    fn byte(&mut self, byte: u64) {
        self.word |= byte << (8 * self.filled);
        self.filled += 1;
        if self.filled == 8 {
            self.behind.write_u64(self.word);
            (self.word, self.filled) = (0, 0);
        }
    }

    #[inline]
    fn number(&mut self, number: u64) {
        if number < WIDE {
            self.byte(number);
        } else {
            self.byte(WIDE);
            self.behind.write_u64(number);
        }
    }
}

impl<H: Hasher> Hasher for Digest<'_, H> {
    fn finish(&self) -> u64 {
        self.behind.finish()
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.number(byte.into()));
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.number(number.into());
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.number(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.number(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.number(number);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.number(number as u64);
    }

    #[inline]
    fn write_isize(&mut self, number: isize) {
        self.number(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash};

    use super::*;

    fn digest(value: impl Hash) -> u64 {
        let mut behind = DefaultHasher::new();
        let mut digest = Digest::new(&mut behind);
        value.hash(&mut digest);
        digest.close();
        behind.finish()
    }

    #[test]
    fn sequences_that_differ_in_one_number_digest_differently() {
        let numbers = [0_u64, 1, 254, 255, 256, 511, 65_535, u64::MAX];
        let mut seen = std::collections::HashSet::new();
        for a in numbers {
            for b in numbers {
                for c in numbers {
                    assert!(seen.insert(digest([a, b, c])), "{a} {b} {c}");
                }
            }
        }
    }

    #[test]
    fn trailing_zeros_count() {
        assert_ne!(digest((1_u8, 0_u8)), digest((1_u8, 0_u8, 0_u8)));
    }
}
