//! Visited states on disk, once they take too much memory.
//!
//! They are one sorted file. A level's states are told from those on disk by reading it once, from
//! front to back, when the level is complete; no step waits for a look at the disk. Until then a
//! state on disk that is reached again counts as new.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};

use super::super::task::OnDisk;
use super::bytes::{read_number, write_number};
use super::visited::{Key, PARTS, Visited};

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
}

impl Disk {
    pub(in crate::check) fn new(place: OnDisk) -> Disk {
        Disk { place, run: None, failed: None }
    }

    /// How many states are on disk.
    pub(in crate::check) fn len(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.begins[PARTS])
    }

    /// Moves the states in memory to disk if they take too much.
    pub(super) fn relieve(&mut self, visited: &mut Visited) {
        if visited.bytes() > self.place.beyond {
            match self.merged(visited) {
                Ok(run) => self.run = Some(run),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    /// A file with the states of the one before and those in memory, which are taken out there.
    fn merged(&self, visited: &mut Visited) -> io::Result<Run> {
        // It has no name, so that nothing stays behind however the process ends.
        let file = tempfile::tempfile_in(&self.place.folder)?;
        let mut out = BufWriter::with_capacity(BLOCK, &file);
        let (mut begins, mut written) = (vec![0], 0);
        for part in 0..PARTS {
            let mut new = visited.take_part(part).into_iter().peekable();
            let mut write = |key: Key| {
                written += 1;
                write_number(key.bits(), &mut out)
            };
            self.each_of(part, &mut |old| {
                while let Some(key) = new.next_if(|&key| key < old) {
                    write(key)?;
                }
                new.next_if_eq(&old);
                write(old)
            })?;
            new.try_for_each(&mut write)?;
            begins.push(written);
        }
        out.flush()?;
        drop(out);
        Ok(Run { file, begins })
    }

    /// Takes those states out that are on disk. They come back in the order of their parts.
    pub(super) fn subtract(&mut self, keys: &mut Vec<Key>) {
        if self.run.is_none() {
            return;
        }
        keys.sort_unstable_by_key(|key| (key.part(), *key));
        let mut new = Vec::with_capacity(keys.len());
        let mut subtract = || {
            for keys in keys.chunk_by(|one, next| one.part() == next.part()) {
                let mut keys = keys.iter().copied().peekable();
                // A part without new states is not read.
                let Some(part) = keys.peek().map(|key| key.part()) else { continue };
                self.each_of(part, &mut |old| {
                    while let Some(key) = keys.next_if(|&key| key < old) {
                        new.push(key);
                    }
                    keys.next_if_eq(&old);
                    Ok(())
                })?;
                new.extend(keys);
            }
            Ok(())
        };
        match subtract() {
            Ok(()) => *keys = new,
            Err(error) => self.failed = Some(error),
        }
    }

    /// The states of a part, those on disk and those in memory, in order.
    pub(super) fn part(&self, part: usize, visited: &Visited) -> io::Result<Vec<Key>> {
        let mut keys = visited.keys_of(part);
        self.each_of(part, &mut |key| {
            keys.push(key);
            Ok(())
        })?;
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Every state of a part that is on disk, in order.
    fn each_of(&self, part: usize, found: &mut dyn FnMut(Key) -> io::Result<()>) -> io::Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let (begin, end) = (run.begins[part], run.begins[part + 1]);
        let mut file = &run.file;
        file.seek(SeekFrom::Start(begin * 8))?;
        let bytes = (end - begin) * 8;
        let mut from = BufReader::with_capacity(BLOCK.min(bytes as usize), file.take(bytes));
        for _ in begin..end {
            let key = Key::from_bits(read_number(&mut from)?);
            if key.part() != part {
                return Err(io::Error::new(ErrorKind::InvalidData, "a state is none"));
            }
            found(key)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        Disk::new(OnDisk { folder: std::env::temp_dir(), beyond: 0 })
    }

    fn key(number: u64) -> Key {
        Key::from_bits(number * 0x9e37_79b9)
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
            disk.relieve(&mut visited);
            assert_eq!((disk.len(), visited.keys()), (len, Vec::new()));
        }
    }

    #[test]
    fn only_states_that_are_not_on_disk_are_left() {
        let mut disk = disk();
        disk.relieve(&mut visited(100..200));
        let mut keys: Vec<Key> = (0..300).map(key).collect();
        disk.subtract(&mut keys);
        keys.sort_unstable();
        let mut left: Vec<Key> = (0..100).chain(200..300).map(key).collect();
        left.sort_unstable();
        assert_eq!(keys, left);
    }

    #[test]
    fn a_file_that_is_cut_short_is_a_failure() {
        let mut disk = disk();
        disk.relieve(&mut visited(0..3_000));
        let run = disk.run.as_ref().expect("states are on disk");
        run.file.set_len(disk.len() * 8 - 8).expect("it is cut");
        assert!(disk.part(PARTS - 1, &Visited::new()).is_err());
        disk.subtract(&mut (0..3_000).map(key).collect());
        assert!(disk.failed.is_some());
    }
}
