//! Visited states on disk, once they take too much memory.
//!
//! They are one sorted file. A level's states are told from those on disk by reading it once, from
//! front to back, when the level is complete; no step waits for a look at the disk. Until then a
//! state on disk that is reached again counts as new.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use super::super::task::OnDisk;
use super::bytes::{invalid, read_number, write_number};
use super::visited::{Key, PARTS, Rest, Visited};

/// How much is read or written at once, in bytes.
const BLOCK: usize = 1 << 20;

/// Visited states on disk.
pub(in crate::check) struct Disk {
    place: OnDisk,
    run: Option<Run>,
    /// Why the disk could not be used. Then states are missing, and the search cannot go on.
    pub(in crate::check) failed: Option<io::Error>,
}

/// States by the part of the table that they belong to, and in order within it.
struct Run {
    file: File,
    /// Where each part begins, and where the last one ends, counted in states.
    begins: Vec<u64>,
    /// The sum of each part's states, by which it is known again.
    sums: Vec<u64>,
}

/// The order to end: a pass over the file takes long.
pub(super) type Stop<'a> = &'a dyn Fn() -> bool;

impl Disk {
    pub(in crate::check) fn new(place: OnDisk) -> Disk {
        Disk { place, run: None, failed: None }
    }

    /// How many states are on disk.
    pub(in crate::check) fn len(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.begins[PARTS])
    }

    /// Moves the states in memory to disk if they take too much. Where it is stopped, some are lost.
    pub(super) fn relieve(&mut self, visited: &mut Visited, stop: Stop<'_>) {
        if visited.bytes() > self.place.beyond {
            match self.merged(visited, stop) {
                Ok(None) => {}
                Ok(run) => self.run = run,
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// A file with the states of the one before and those in memory, which are taken out there.
    /// `None` if it was stopped.
    fn merged(&self, visited: &mut Visited, stop: Stop<'_>) -> io::Result<Option<Run>> {
        // It has no name, so that nothing stays behind however the process ends.
        let file = tempfile::tempfile_in(&self.place.folder)?;
        let mut out = BufWriter::with_capacity(BLOCK, &file);
        let (mut begins, mut sums, mut written) = (vec![0], Vec::new(), 0);
        for part in 0..PARTS {
            if stop() {
                return Ok(None);
            }
            let mut new = visited.take_part(part).into_iter().peekable();
            let mut sum = 0_u64;
            let mut write = |rest: Rest| {
                written += 1;
                sum = sum.wrapping_add(rest.spread());
                write_number(rest.bits(), &mut out)
            };
            self.each_of(part, &mut |old| {
                while let Some(rest) = new.next_if(|&rest| rest < old) {
                    write(rest)?;
                }
                new.next_if_eq(&old);
                write(old)
            })?;
            new.try_for_each(&mut write)?;
            sums.push(sum);
            begins.push(written);
        }
        out.flush()?;
        drop(out);
        Ok(Some(Run { file, begins, sums }))
    }

    /// Takes those states out that are on disk. They come back in the order of their parts. Where it
    /// is stopped, none are taken out.
    pub(super) fn subtract(&mut self, keys: &mut Vec<Key>, stop: Stop<'_>) {
        if self.run.is_none() {
            return;
        }
        keys.sort_unstable_by_key(|key| key.split());
        let mut new = Vec::with_capacity(keys.len());
        let mut subtract = || {
            for keys in keys.chunk_by(|one, next| one.part() == next.part()) {
                let mut keys = keys.iter().copied().peekable();
                // A part without new states is not read.
                let Some(part) = keys.peek().map(|key| key.part()) else { continue };
                if stop() {
                    return Ok(false);
                }
                self.each_of(part, &mut |old| {
                    while let Some(key) = keys.next_if(|key| key.split().1 < old) {
                        new.push(key);
                    }
                    keys.next_if(|key| key.split().1 == old);
                    Ok(())
                })?;
                new.extend(keys);
            }
            Ok(true)
        };
        match subtract() {
            Ok(true) => *keys = new,
            Ok(false) => {}
            Err(error) => self.failed = Some(error),
        }
    }

    /// The states of a part, those on disk and those in memory, in order.
    pub(super) fn part(&self, part: usize, visited: &Visited) -> io::Result<Vec<Key>> {
        let mut keys = visited.keys_of(part);
        self.each_of(part, &mut |rest| {
            keys.push(Key::join(part, rest));
            Ok(())
        })?;
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Every state of a part that is on disk, in order.
    fn each_of(
        &self,
        part: usize,
        found: &mut dyn FnMut(Rest) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let (begin, end) = (run.begins[part], run.begins[part + 1]);
        let mut file = &run.file;
        file.seek(SeekFrom::Start(begin * 8))?;
        let bytes = (end - begin) * 8;
        let mut from = BufReader::with_capacity(BLOCK.min(bytes as usize), file.take(bytes));
        let damaged = || invalid("these are not the states that were written");
        let mut sum = 0_u64;
        for _ in begin..end {
            let rest = Rest::from_bits(read_number(&mut from)?).ok_or_else(damaged)?;
            sum = sum.wrapping_add(rest.spread());
            found(rest)?;
        }
        if sum != run.sums[part] {
            return Err(damaged());
        }
        Ok(())
    }

    /// Damages the last state on disk.
    #[cfg(test)]
    pub(in crate::check) fn damage(&self) {
        let run = self.run.as_ref().expect("states are on disk");
        let mut file = &run.file;
        file.seek(SeekFrom::End(-1)).expect("there are some");
        let mut byte = [0];
        file.read_exact(&mut byte).expect("it is read");
        file.seek(SeekFrom::End(-1)).expect("there are some");
        file.write_all(&[byte[0] ^ 1]).expect("it is written");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroUsize;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::super::super::bounds::{Bounds, Clocks};
    use super::super::super::protocol::Protocol;
    use super::super::super::steps::Steps;
    use super::super::super::task::Task;
    use super::super::{Explored, Limits, Pauses, Scope, Space, Tally, explore};
    use super::*;
    use crate::design::Design;

    /// A search that pauses every few states, until `cut` pauses have passed. `paused` hears of each.
    fn search(
        disk: Option<Disk>,
        cut: usize,
        paused: &mut (dyn FnMut(&Tally, &Explored) + Send),
    ) -> usize {
        let protocol = Protocol::new(
            Design::RECOMMENDED,
            Bounds { faults: 1, crashes: 1, ..Bounds::TINY.without_faults() },
            Clocks::Timely,
            Task::applicable(Clocks::Timely),
        );
        let (space, tally) = (Space::new(&protocol), Tally::default());
        let scope = Scope { which: Steps::All, reduced: true, symmetric: true, passes: false };
        let mut begun = Explored::begin(&space, scope, &tally);
        begun.disk = disk;
        let limits = Limits { threads: NonZeroUsize::MIN, caches: usize::MAX, scope };
        let mut pauses = 0;
        let keep = &mut |explored: &Explored| {
            pauses += 1;
            tally.stop.store(pauses >= cut, Ordering::Relaxed);
            paused(&tally, explored);
        };
        let pauses = Some(Pauses { every: Duration::ZERO, keep });
        explore(&space, limits, &tally, begun, pauses);
        tally.unique.load(Ordering::Relaxed)
    }

    #[test]
    fn a_search_that_is_cut_counts_no_state_twice() {
        let (mut complete, mut pauses) = (BTreeSet::from([1]), 0);
        let all = search(None, usize::MAX, &mut |tally, explored| {
            pauses += 1;
            if explored.is_between_levels() {
                complete.insert(tally.unique.load(Ordering::Relaxed));
            }
        });
        assert!(complete.len() > 10 && pauses > 2 * complete.len(), "{all} states");
        for cut in 1..pauses {
            let counted = search(Some(disk()), cut, &mut |_, _| {});
            assert!(complete.contains(&counted), "{counted} after {cut} pauses");
        }
    }

    fn disk() -> Disk {
        Disk::new(OnDisk { folder: std::env::temp_dir(), beyond: 0 })
    }

    fn key(number: u64) -> Key {
        let spread = number * 0x9e37_79b9;
        Key::of([spread >> 16, spread, number].map(|part| part as u32 & 0xffff)).expect("it fits")
    }

    fn visited(numbers: std::ops::Range<u64>) -> Visited {
        let visited = Visited::new();
        numbers.for_each(|number| assert!(visited.insert(key(number))));
        visited
    }

    #[test]
    fn a_state_is_on_disk_once_however_often_it_was_moved_there() {
        let mut disk = disk();
        for (numbers, len) in [(0..1_000, 1_000), (500..3_000, 3_000), (0..10, 3_000)] {
            let mut visited = visited(numbers);
            disk.relieve(&mut visited, &|| false);
            assert_eq!((disk.len(), visited.keys()), (len, Vec::new()));
        }
    }

    #[test]
    fn only_states_that_are_not_on_disk_are_left() {
        let mut disk = disk();
        disk.relieve(&mut visited(100..200), &|| false);
        let mut keys: Vec<Key> = (0..300).map(key).collect();
        disk.subtract(&mut keys, &|| false);
        keys.sort_unstable();
        let mut left: Vec<Key> = (0..100).chain(200..300).map(key).collect();
        left.sort_unstable();
        assert_eq!(keys, left);
    }

    #[test]
    fn a_file_that_is_cut_short_is_a_failure() {
        let mut disk = disk();
        disk.relieve(&mut visited(0..3_000), &|| false);
        let run = disk.run.as_ref().expect("states are on disk");
        run.file.set_len(disk.len() * 8 - 8).expect("it is cut");
        assert!(disk.part(PARTS - 1, &Visited::new()).is_err());
        disk.subtract(&mut (0..3_000).map(key).collect(), &|| false);
        assert!(disk.failed.is_some());
    }
    #[test]
    fn a_state_that_is_not_the_one_written_is_a_failure() {
        let mut disk = disk();
        disk.relieve(&mut visited(0..3_000), &|| false);
        disk.damage();
        assert!(disk.part(PARTS - 1, &Visited::new()).is_err());
        assert!(disk.part(0, &Visited::new()).is_ok());
        disk.subtract(&mut (0..3_000).map(key).collect(), &|| false);
        assert!(disk.failed.is_some());
    }

    #[test]
    fn a_pass_that_is_stopped_changes_nothing_on_disk() {
        let mut disk = disk();
        disk.relieve(&mut visited(0..100), &|| false);
        let mut keys: Vec<Key> = (50..200).map(key).collect();
        disk.subtract(&mut keys, &|| true);
        disk.relieve(&mut visited(100..200), &|| true);
        assert_eq!((keys.len(), disk.len()), (150, 100));
        assert!(disk.failed.is_none());
    }
}
