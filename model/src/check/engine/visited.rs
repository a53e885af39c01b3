//! The set of the states that were visited: exact, eight bytes for each, and room to grow.

use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bytes::{invalid, read_number, write_number};

/// A state: the numbers of its three parts, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::check) struct Key(u64);

impl Key {
    /// The bits of each part's number. The last part is the faults, the triggers and the network.
    pub(super) const BITS: [u32; 3] = [22, 22, 20];

    /// Packs the numbers of the parts; `None` if one of them is too high.
    pub(super) fn pack(parts: [u32; 3]) -> Option<Key> {
        let mut packed = 0;
        for (part, bits) in parts.into_iter().zip(Self::BITS) {
            if part >= 1 << bits {
                return None;
            }
            packed = packed << bits | u64::from(part);
        }
        Some(Key(packed))
    }

    /// The key as a file holds it.
    pub(in crate::check) fn bits(self) -> u64 {
        self.0
    }

    /// The key that a file holds as this.
    pub(in crate::check) fn from_bits(bits: u64) -> Key {
        Key(bits)
    }

    /// A number whose every bit depends on the whole key.
    pub(in crate::check) fn spread(self) -> u64 {
        mix(self.0)
    }

    /// The part of the table that the key belongs to.
    pub(super) fn part(self) -> usize {
        (self.spread() >> 56) as usize
    }

    pub(super) fn parts(self) -> [u32; 3] {
        let [_, b, c] = Self::BITS;
        let low = |bits: u32| (1_u64 << bits) - 1;
        [self.0 >> (b + c), self.0 >> c & low(b), self.0 & low(c)].map(|part| part as u32)
    }
}

/// The states that were visited. Threads share it.
///
/// It is an open table with linear probing, in parts that are locked and grow by themselves. A part
/// grows by two fifths when four fifths of it are used, so that a state takes 10 to 14 bytes.
pub(in crate::check) struct Visited(Vec<Mutex<Part>>);

struct Part {
    /// A key plus one in each place that is used; 0 in the others.
    places: Vec<u64>,
    used: usize,
}

/// The number of parts.
pub(super) const PARTS: usize = 256;

impl Visited {
    pub(super) fn new() -> Self {
        let part = || Mutex::new(Part { places: vec![0; 16], used: 0 });
        Visited((0..PARTS).map(|_| part()).collect())
    }

    /// Adds a state. Returns whether it is new.
    pub(super) fn insert(&self, key: Key) -> bool {
        self.part(key.part()).insert(key)
    }

    /// Adds a state, or keeps it until some more of its part have come. `new` is told each state
    /// that is new.
    pub(super) fn insert_some<T>(
        &self,
        batch: &mut Batch<T>,
        key: Key,
        with: T,
        new: &mut impl FnMut(Key, T),
    ) {
        let part = key.part();
        batch.0[part].push((key, with));
        if batch.0[part].len() == Batch::<T>::MOST {
            self.insert_part(part, &mut batch.0[part], new);
        }
    }

    /// Adds the states that were kept.
    pub(super) fn insert_rest<T>(&self, batch: &mut Batch<T>, new: &mut impl FnMut(Key, T)) {
        for (part, keys) in batch.0.iter_mut().enumerate() {
            self.insert_part(part, keys, new);
        }
    }

    fn insert_part<T>(&self, part: usize, keys: &mut Vec<(Key, T)>, new: &mut impl FnMut(Key, T)) {
        let mut part = self.part(part);
        part.fetch(keys.iter().map(|(key, _)| *key));
        for (key, with) in keys.drain(..) {
            if part.insert(key) {
                new(key, with);
            }
        }
    }

    /// Every state, in no order.
    #[cfg(test)]
    pub(in crate::check) fn keys(&self) -> Vec<Key> {
        (0..PARTS).flat_map(|part| self.keys_of(part)).collect()
    }

    /// Every state of a part, in no order.
    pub(super) fn keys_of(&self, part: usize) -> Vec<Key> {
        self.part(part).keys().collect()
    }

    /// Takes every state of a part out, in order. Its room is kept for others.
    pub(super) fn take_part(&mut self, part: usize) -> Vec<Key> {
        let mut keys = self.keys_of(part);
        keys.sort_unstable();
        let mut part = self.part(part);
        part.places.fill(0);
        part.used = 0;
        keys
    }

    /// How many bytes the states take, empty places left out.
    pub(super) fn bytes(&self) -> usize {
        (0..PARTS).map(|part| self.part(part).used * size_of::<u64>()).sum()
    }

    fn part(&self, part: usize) -> MutexGuard<'_, Part> {
        self.0[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visited {
    /// Writes every state, part by part: how many there are, and then their keys.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        (0..PARTS).try_for_each(|part| {
            let part = self.part(part);
            write_number(part.used as u64, out)?;
            part.keys().try_for_each(|key| write_number(key.bits(), out))
        })
    }

    /// Reads what was written. `is_known` says whether a key can be one; `read` hears of each state.
    pub(super) fn read(
        from: &mut dyn Read,
        is_known: &dyn Fn(Key) -> bool,
        read: &mut dyn FnMut(),
    ) -> io::Result<Visited> {
        let mut parts = Vec::with_capacity(PARTS);
        for index in 0..PARTS {
            let count = read_number(from)?;
            let mut part = Part::with_room(count)?;
            for _ in 0..count {
                let key = Key::from_bits(read_number(from)?);
                let belongs = key.part() == index && is_known(key);
                if !belongs || !part.insert(key) {
                    return Err(invalid("a state is none"));
                }
                read();
            }
            parts.push(Mutex::new(part));
        }
        Ok(Visited(parts))
    }
}

/// States that are to be added, by their part of the table.
pub(super) struct Batch<T>(Vec<Vec<(Key, T)>>);

impl<T> Batch<T> {
    /// The most of one part that are kept.
    const MOST: usize = 32;

    pub(super) fn new() -> Self {
        Batch((0..PARTS).map(|_| Vec::with_capacity(Self::MOST)).collect())
    }
}

impl Part {
    /// An empty part that need not grow for so many keys.
    ///
    /// Keys are written in the order of their places. In a smaller table their places would all be
    /// at its front, and each insertion would have to pass those before it.
    fn with_room(count: u64) -> io::Result<Part> {
        let size = count.saturating_mul(5) / 4 + 16;
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut places = Vec::new();
        places.try_reserve_exact(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        places.resize(size, 0);
        Ok(Part { places, used: 0 })
    }

    /// Looks where states would be. The looks do not wait for one another, as those of `insert` do,
    /// and then the table's lines are in the cache.
    fn fetch(&self, keys: impl Iterator<Item = Key>) {
        let looks = keys.map(|key| self.places[home(key.spread(), self.places.len())]);
        std::hint::black_box(looks.fold(0, |all, place| all ^ place));
    }

    /// Every key, in the order of their places.
    fn keys(&self) -> impl Iterator<Item = Key> {
        self.places.iter().filter(|&&place| place != 0).map(|place| Key(place - 1))
    }

    fn insert(&mut self, key: Key) -> bool {
        let value = key.0 + 1;
        if self.used * 5 >= self.places.len() * 4 {
            self.grow();
        }
        let mut place = home(key.spread(), self.places.len());
        loop {
            match self.places[place] {
                0 => break,
                there if there == value => return false,
                _ => place = if place + 1 == self.places.len() { 0 } else { place + 1 },
            }
        }
        self.places[place] = value;
        self.used += 1;
        true
    }

    fn grow(&mut self) {
        let size = self.places.len() * 7 / 5 + 1;
        let old = std::mem::replace(&mut self.places, vec![0; size]);
        for value in old.into_iter().filter(|&value| value != 0) {
            let mut place = home(mix(value - 1), size);
            while self.places[place] != 0 {
                place = if place + 1 == size { 0 } else { place + 1 };
            }
            self.places[place] = value;
        }
    }
}

/// The first place to try in a table of this size, by the lower bits of the hash.
fn home(hash: u64, size: usize) -> usize {
    ((u128::from(hash << 8) * size as u128) >> 64) as usize
}

/// A bijection that spreads keys evenly (the finaliser of SplitMix64).
fn mix(key: u64) -> u64 {
    let key = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ key >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ key >> 31
}
