//! The key of a state: the least numbers of all states that differ from it only in names.

use super::super::lineage;
use super::super::world::{Broken, Left, Renamed, Renaming, World};
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
        Key::of(std::array::from_fn(|part| {
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

    /// The key of a state as far as it matters once faults are over.
    pub(in crate::check) fn key_after_faults(
        &self,
        key: Key,
        symmetric: bool,
        cache: &mut Cache,
    ) -> Option<Key> {
        // No request is under way any more.
        let least = symmetric && self.parts_are_apart;
        let parts = key.parts();
        let after = |part: usize| self.part_after_faults(part, parts[part], least, cache);
        let key = Key::of([0, 1, 2].map(after))?;
        if symmetric && !least { self.key_of(self.unpack(key), true, cache) } else { Some(key) }
    }

    fn part_after_faults(&self, part: usize, number: u32, least: bool, cache: &mut Cache) -> u32 {
        let known = &cache.after_faults[part][usize::from(least)];
        if let Some(known) = known.known(number) {
            return known;
        }
        let mut value = *self.parts[part].value(number);
        self.end_faults(part, &mut value);
        let after = match least && part < 2 {
            true => self.least(part, &value, cache),
            false => self.parts[part].number(&value),
        };
        cache.after_faults[part][usize::from(least)].keep(number, after);
        after
    }

    /// See [`World::after_faults`].
    fn end_faults(&self, part: usize, value: &mut Part) {
        match part {
            0 => {
                for number in &mut value[..self.partitions] {
                    *number = self.log_number(&self.log(*number).after_faults());
                }
                for number in &mut value[self.partitions..][..self.producers] {
                    *number = self.producer_number(&self.producer(*number).after_faults());
                }
                self.forget_done(value);
            }
            1 => {
                for number in &mut value[..self.seats] {
                    *number = self.seat_number(&self.seat(*number).after_faults());
                }
            }
            _ => {
                value[1] = self.quiet;
                value[2] = self.faults_number(Left::none(), Broken::default());
            }
        }
    }

    /// See [`World::forget_done`]: where no request is under way, it depends on this part alone.
    fn forget_done(&self, part: &mut Part) {
        if !self.protocol.forgets_done() {
            return;
        }
        let mut numbers = self.numbers(&self.names);
        numbers.0[0] = *part;
        let mut world = self.state(&numbers);
        world.forget_done(lineage::ROOT);
        *part = self.numbers(&world).0[0];
    }

    fn pack(&self, numbers: &Numbers) -> Option<Key> {
        Key::of(std::array::from_fn(|part| self.parts[part].number(&numbers.0[part])))
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

    pub(super) fn renamed(&self, numbers: &Numbers, index: usize, cache: &mut Cache) -> Numbers {
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
