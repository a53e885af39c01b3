//! Values that are kept once and go by a number.

use std::hash::Hash;
use std::sync::Mutex;

use ahash::RandomState;
use hashbrown::HashTable;

/// Keeps each different value once. Threads share it.
pub(super) struct Interner<T> {
    numbers: Vec<Mutex<HashTable<u32>>>,
    values: boxcar::Vec<T>,
    seeds: RandomState,
}

/// The number of parts that are locked apart from each other.
const PARTS: usize = 64;

impl<T: Clone + Eq + Hash> Interner<T> {
    pub(super) fn new() -> Self {
        Interner {
            numbers: (0..PARTS).map(|_| Mutex::default()).collect(),
            values: boxcar::Vec::new(),
            seeds: RandomState::with_seeds(0x73_6c, 0x6f_74, 0x76_6f, 0x64_69),
        }
    }

    /// The number of a value, the same each time.
    pub(super) fn number(&self, value: &T) -> u32 {
        let hash = self.seeds.hash_one(value);
        let part = &self.numbers[(hash >> 58) as usize % PARTS];
        let mut numbers = part.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = numbers.find(hash, |&number| self.values[number as usize] == *value);
        if let Some(&number) = known {
            return number;
        }
        let number =
            u32::try_from(self.values.push(value.clone())).expect("fewer than 2^32 values");
        let hash_of = |&number: &u32| self.seeds.hash_one(&self.values[number as usize]);
        numbers.insert_unique(hash, number, hash_of);
        number
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.values.count()
    }

    /// The value of a number.
    pub(super) fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }
}
