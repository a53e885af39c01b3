//! The set of the states that were visited: exact, eight bytes for each, and room to grow.

use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bytes::{invalid, read_number, write_number};

/// A state: the numbers of its three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::check) struct Key([u32; 3]);

/// What tells a state from the others of its part of the table.
///
/// A key has eight bits more. The part that a state is in says what they are, so that eight bytes
/// keep it, and one value of them is free for a place that is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rest(u64);

impl Key {
    /// The bits of each part's number. The last part is the faults, the triggers and the network.
    pub(super) const BITS: [u32; 3] = [24, 24, 23];

    /// The bits of the first part's number that are not in the rest.
    const ABOVE: u32 = PARTS.trailing_zeros();

    /// The key of a state with these parts; `None` if the number of one is too high.
    pub(in crate::check) fn of(parts: [u32; 3]) -> Option<Key> {
        let fits = parts.iter().zip(Self::BITS).all(|(part, bits)| *part < 1 << bits);
        fits.then_some(Key(parts))
    }

    pub(in crate::check) fn parts(self) -> [u32; 3] {
        self.0
    }

    /// The part of the table that the state belongs to, and what tells it from the others there.
    pub(super) fn split(self) -> (usize, Rest) {
        let [first, second, third] = self.0.map(u64::from);
        let [bits, b, c] = Self::BITS;
        let below = bits - Self::ABOVE;
        let rest = Rest((first & ((1 << below) - 1)) << (b + c) | second << c | third);
        ((first >> below) as usize ^ rest.part(), rest)
    }

    /// The key that [`split`](Self::split) took apart.
    pub(super) fn join(part: usize, rest: Rest) -> Key {
        let [bits, b, c] = Self::BITS;
        let below = bits - Self::ABOVE;
        let low = |bits: u32| (1_u64 << bits) - 1;
        let above = ((part ^ rest.part()) as u64) << below;
        Key([above | rest.0 >> (b + c) & low(below), rest.0 >> c & low(b), rest.0 & low(c)]
            .map(|part| part as u32))
    }

    /// The part of the table that the state belongs to.
    pub(super) fn part(self) -> usize {
        self.split().0
    }

    /// A number that is spread evenly.
    pub(in crate::check) fn spread(self) -> u64 {
        let (part, rest) = self.split();
        rest.spread() ^ part as u64
    }
}

impl Rest {
    /// As a file holds it.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// What a file holds; `None` if it is more than a rest can be.
    pub(super) fn from_bits(bits: u64) -> Option<Rest> {
        (bits < 1 << 63).then_some(Rest(bits))
    }

    /// A number that is spread evenly.
    pub(super) fn spread(self) -> u64 {
        mix(self.0)
    }

    /// A part of the table. Which one the state is in depends on what the rest lacks as well.
    fn part(self) -> usize {
        (self.spread() >> (64 - Key::ABOVE)) as usize
    }

    /// The first place to try in a part with so many, by the lower bits of the hash.
    fn home(self, places: usize) -> usize {
        ((u128::from(self.spread() << Key::ABOVE) * places as u128) >> 64) as usize
    }
}

/// The states that were visited. Threads share it.
///
/// It is an open table with linear probing, in parts that are locked and grow by themselves. A part
/// grows by two fifths when four fifths of it are used, so that a state takes 10 to 14 bytes.
pub(in crate::check) struct Visited(Vec<Mutex<Part>>);

struct Part {
    /// A state's rest plus one in each place that is used; 0 in the others.
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
        let (part, rest) = key.split();
        self.part(part).insert(rest)
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
        let (part, rest) = key.split();
        batch.0[part].push((rest, with));
        if batch.0[part].len() == Batch::<T>::MOST {
            self.insert_part(part, &mut batch.0[part], new);
        }
    }

    /// Adds the states that were kept.
    pub(super) fn insert_rest<T>(&self, batch: &mut Batch<T>, new: &mut impl FnMut(Key, T)) {
        for (part, rests) in batch.0.iter_mut().enumerate() {
            self.insert_part(part, rests, new);
        }
    }

    fn insert_part<T>(
        &self,
        part: usize,
        rests: &mut Vec<(Rest, T)>,
        new: &mut impl FnMut(Key, T),
    ) {
        let mut table = self.part(part);
        table.fetch(rests.iter().map(|(rest, _)| *rest));
        for (rest, with) in rests.drain(..) {
            if table.insert(rest) {
                new(Key::join(part, rest), with);
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
        self.part(part).rests().map(|rest| Key::join(part, rest)).collect()
    }

    /// Takes every state of a part out, in order. Its room is kept for others.
    pub(super) fn take_part(&mut self, part: usize) -> Vec<Rest> {
        let mut part = self.part(part);
        let mut rests: Vec<Rest> = part.rests().collect();
        rests.sort_unstable();
        part.places.fill(0);
        part.used = 0;
        rests
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
    /// Writes every state, part by part: how many there are, and then their rests.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        (0..PARTS).try_for_each(|part| {
            let part = self.part(part);
            write_number(part.used as u64, out)?;
            part.rests().try_for_each(|rest| write_number(rest.bits(), out))
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
                let rest = Rest::from_bits(read_number(from)?)
                    .filter(|&rest| is_known(Key::join(index, rest)));
                if !rest.is_some_and(|rest| part.insert(rest)) {
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
pub(super) struct Batch<T>(Vec<Vec<(Rest, T)>>);

impl<T> Batch<T> {
    /// The most of one part that are kept.
    const MOST: usize = 32;

    pub(super) fn new() -> Self {
        Batch((0..PARTS).map(|_| Vec::with_capacity(Self::MOST)).collect())
    }
}

impl Part {
    /// An empty part that need not grow for so many states.
    ///
    /// They are written in the order of their places. In a smaller table their places would all be
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
    fn fetch(&self, rests: impl Iterator<Item = Rest>) {
        let looks = rests.map(|rest| self.places[rest.home(self.places.len())]);
        std::hint::black_box(looks.fold(0, |all, place| all ^ place));
    }

    /// What is kept of every state, in the order of their places.
    fn rests(&self) -> impl Iterator<Item = Rest> {
        self.places.iter().filter(|&&place| place != 0).map(|place| Rest(place - 1))
    }

    fn insert(&mut self, rest: Rest) -> bool {
        if self.used * 5 >= self.places.len() * 4 {
            self.grow();
        }
        let value = rest.0 + 1;
        let mut place = rest.home(self.places.len());
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
            let mut place = Rest(value - 1).home(size);
            while self.places[place] != 0 {
                place = if place + 1 == size { 0 } else { place + 1 };
            }
            self.places[place] = value;
        }
    }
}

/// A bijection that spreads numbers evenly (the finaliser of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(bits: u32) -> impl Strategy<Value = u32> {
        prop_oneof![0..1_u32 << bits, Just(0), Just((1 << bits) - 1)]
    }

    fn parts() -> impl Strategy<Value = [u32; 3]> {
        let [first, second, third] = Key::BITS.map(part);
        (first, second, third).prop_map(|(first, second, third)| [first, second, third])
    }

    proptest! {
        #[test]
        fn a_key_is_known_by_its_part_of_the_table_and_its_rest(parts in parts()) {
            let key = Key::of(parts).expect("no number is too high");
            let (part, rest) = key.split();
            prop_assert!(part < PARTS);
            prop_assert_eq!(Rest::from_bits(rest.bits()), Some(rest));
            prop_assert_eq!(Key::join(part, rest), key);
            let visited = Visited::new();
            prop_assert!(visited.insert(key));
            prop_assert!(!visited.insert(key));
            prop_assert_eq!(visited.keys(), vec![key]);
        }
    }

    #[test]
    fn a_number_that_is_too_high_has_no_key() {
        for (part, bits) in Key::BITS.into_iter().enumerate() {
            let mut parts = [0; 3];
            parts[part] = 1 << bits;
            assert_eq!(Key::of(parts), None);
            parts[part] -= 1;
            assert!(Key::of(parts).is_some());
        }
        assert_eq!(Rest::from_bits(1 << 63), None);
    }
}
