//! The key of a state: the least numbers of all states that differ from it only in names.

use super::super::world::{Renamed, Renaming, World};
use super::cache::Cache;
use super::intern::Interner;
use super::space::{Numbers, Part, Space, WIDEST};
use super::visited::Key;

impl Space<'_> {
    /// The key of a state in its normal form; `None` if there are too many of some component.
    pub(in crate::check) fn key(
        &self,
        world: &World,
        symmetric: bool,
        cache: &mut Cache,
    ) -> Option<Key> {
        self.key_of(self.numbers(world), symmetric, cache)
    }

    pub(super) fn key_of(
        &self,
        numbers: Numbers,
        symmetric: bool,
        cache: &mut Cache,
    ) -> Option<Key> {
        self.pack(&if symmetric { self.canonical(numbers, cache) } else { numbers })
    }

    /// The key of a state that follows another, whose parts often stay the same.
    pub(super) fn key_after(
        &self,
        before: Key,
        old: &Numbers,
        new: Numbers,
        symmetric: bool,
        cache: &mut Cache,
    ) -> Option<Key> {
        if symmetric && !(self.parts_are_apart && self.is_quiet(&new)) {
            return self.pack(&self.canonical(new, cache));
        }
        let parts = before.parts();
        Key::pack(std::array::from_fn(|part| {
            let [old, new] = [&old.0[part], &new.0[part]];
            if old == new {
                parts[part]
            } else if symmetric && part < 2 {
                self.least(part, new, cache)
            } else {
                *cache.plain[part].entry(*new).or_insert_with(|| self.parts[part].number(new))
            }
        }))
    }

    /// The number of the least part that differs from one only in names.
    ///
    /// With one group and no request under way, only the first part names producers and only the
    /// second one workers, so that the least state has the least of each.
    fn least(&self, part: usize, value: &Part, cache: &mut Cache) -> u32 {
        if let Some(&number) = cache.least[part].get(value) {
            return number;
        }
        let renamed = (1..self.renamings.len())
            .map(|index| self.renamed_part(part, value, index, cache))
            .collect::<Vec<_>>();
        let least = renamed.into_iter().fold(*value, Part::min);
        let number = self.parts[part].number(&least);
        cache.least[part].insert(*value, number);
        number
    }

    /// The key of a state as far as it matters once faults are over, under its own names.
    pub(in crate::check) fn key_after_faults(&self, key: Key, cache: &mut Cache) -> Option<Key> {
        let mut numbers = self.unpack(key);
        let mut after = |kind: u8, number: u32, change: &dyn Fn() -> u32| {
            *cache.after_faults.entry((kind, number)).or_insert_with(change)
        };
        let state = || self.state(&self.unpack(key)).after_faults();
        for place in 0..self.partitions {
            let number = numbers.0[0][place];
            numbers.0[0][place] = after(0, number, &|| self.log_number(&state().logs[place]));
        }
        for place in 0..self.producers {
            let number = &mut numbers.0[0][self.partitions + place];
            *number = after(1, *number, &|| self.producer_number(&state().producers[place]));
        }
        for place in 0..self.seats {
            let number = numbers.0[1][place];
            numbers.0[1][place] = after(2, number, &|| self.seat_number(&state().seats[place]));
        }
        numbers.0[2][1] = self.quiet;
        let number = numbers.0[2][2];
        numbers.0[2][2] = after(3, number, &|| {
            let state = state();
            self.faults_number(state.left, state.broken)
        });
        self.pack(&numbers)
    }

    fn pack(&self, numbers: &Numbers) -> Option<Key> {
        Key::pack(std::array::from_fn(|part| self.parts[part].number(&numbers.0[part])))
    }

    /// The least of all states that differ from one only in names.
    ///
    /// Renaming is a bijection of states that commutes with every step and changes no verdict, so
    /// the states of one orbit have the same future. Numbers are given out once, so the least one
    /// stays the least.
    fn canonical(&self, numbers: Numbers, cache: &mut Cache) -> Numbers {
        let renamed = (1..self.renamings.len()).map(|index| self.renamed(&numbers, index, cache));
        renamed.fold(numbers, Numbers::min)
    }

    fn renamed(&self, numbers: &Numbers, index: usize, cache: &mut Cache) -> Numbers {
        let c = &numbers.0[2];
        let renaming = &self.renamings[index];
        let mut waiting = self.waiting(c[0]);
        for (place, &triggers) in self.triggers_of(numbers).iter().enumerate() {
            waiting[renaming.seat_place(place, self.partitions)] = triggers;
        }
        let mut rest = *c;
        rest[0] = self.waiting_number(&waiting);
        rest[1] = cache.renamed(4, index, c[1], renaming, &self.networks);
        let part = |part: usize, cache: &mut Cache| {
            self.renamed_part(part, &numbers.0[part], index, cache)
        };
        Numbers([part(0, cache), part(1, cache), rest])
    }

    /// A renamed part of a state: logs and producers, or seats and workers.
    fn renamed_part(&self, part: usize, value: &Part, index: usize, cache: &mut Cache) -> Part {
        let renaming = &self.renamings[index];
        let mut new = [0; WIDEST];
        if part == 0 {
            for place in 0..self.partitions {
                new[place] = cache.renamed(0, index, value[place], renaming, &self.logs);
            }
            for place in 0..self.producers {
                let producer = value[self.partitions + place];
                let to = self.partitions + renaming.producer_place(place);
                new[to] = cache.renamed(1, index, producer, renaming, &self.writers);
            }
        } else {
            for (place, &seat) in value[..self.seats].iter().enumerate() {
                let to = renaming.seat_place(place, self.partitions);
                new[to] = cache.renamed(2, index, seat, renaming, &self.places);
            }
            for place in 0..self.workers {
                let worker = value[self.seats + place];
                let to = self.seats + renaming.worker_place(place);
                new[to] = cache.renamed(3, index, worker, renaming, &self.readers);
            }
        }
        new
    }
}

impl Cache {
    fn renamed<T: Renamed + Clone + Eq + std::hash::Hash>(
        &mut self,
        kind: u8,
        index: usize,
        number: u32,
        renaming: &Renaming,
        interner: &Interner<T>,
    ) -> u32 {
        *self.renamed.entry((kind, index as u16, number)).or_insert_with(|| {
            let mut value = interner.value(number).clone();
            value.rename(renaming);
            interner.number(&value)
        })
    }
}
