//! Writes what a search knows into its file, and reads it back.

use std::io::{self, BufReader, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::engine::{self, Explored, Key, Space, Tally};
use super::super::task::Task;
use super::blocks::{BlockReader, BlockWriter};
use super::file::{CheckpointError, CheckpointFile, Checkpointing};
use super::header::{Header, Program, Search};

/// Writes what a search knows into its file, and reads it back.
pub(in crate::check) struct Keeper<'a> {
    file: &'a mut dyn CheckpointFile,
    /// The time between two checkpoints.
    pub(in crate::check) every: Duration,
    program: Program,
    search: Search,
    began: Instant,
    /// The time that was spent before this run.
    pub(in crate::check) spent: Duration,
    /// The number of states with which this run began, if it went on from a file.
    pub(in crate::check) resumed: Option<usize>,
    /// Why the last checkpoint could not be written.
    pub(in crate::check) unsaved: Option<io::Error>,
}

impl<'a> Keeper<'a> {
    pub(in crate::check) fn new(task: &Task, checkpointing: Checkpointing<'a>) -> Self {
        Keeper {
            file: checkpointing.file,
            every: checkpointing.every,
            program: Program::this(checkpointing.build),
            search: Search::of(task),
            began: Instant::now(),
            spent: Duration::ZERO,
            resumed: None,
            unsaved: None,
        }
    }

    /// Reads the search that is kept, if one is, into a space in which nothing was reached yet.
    pub(in crate::check) fn resume(
        &mut self,
        space: &Space<'_>,
        tally: &Tally,
    ) -> Result<Option<Explored>, CheckpointError> {
        let Some(from) = self.file.open().map_err(CheckpointError::Read)? else { return Ok(None) };
        let from = &mut BufReader::with_capacity(1 << 20, from);
        let (header, lines) = Header::read(from, &self.program, &self.search)?;
        let mut blocks = BlockReader::after(&lines, from);
        // The supervisor shows how far it has come.
        let mut count = || _ = tally.unique.fetch_add(1, Ordering::Relaxed);
        let read = engine::read(space, &mut blocks, &mut count);
        let mut explored = read.map_err(CheckpointError::reading)?;
        blocks.finish().map_err(CheckpointError::reading)?;
        let damaged = |what: &str| CheckpointError::Damaged { what: what.to_owned() };
        if tally.unique.load(Ordering::Relaxed) != header.unique {
            return Err(damaged("it has another number of states than its header says"));
        }
        for (&found, &parts) in &header.violated {
            let key = Key::of(parts).filter(|&key| space.has(key));
            let key = key.ok_or_else(|| damaged("its header names a state that there is not"))?;
            explored.violated.insert(found, key);
        }
        let protocol = space.protocol;
        if !protocol.coverage.mark_again(&header.exercised) {
            return Err(damaged("its header names a kind of step that there is not"));
        }
        protocol.outgrown.store(header.outgrown, Ordering::Relaxed);
        tally.generated.store(header.generated, Ordering::Relaxed);
        tally.depth.store(header.depth, Ordering::Relaxed);
        tally.crowded.store(header.crowded, Ordering::Relaxed);
        self.spent = Duration::from_millis(header.milliseconds);
        self.resumed = Some(header.unique);
        Ok(Some(explored))
    }

    /// Writes a search. If that fails, the search goes on, and what was kept before is kept still.
    pub(in crate::check) fn keep(&mut self, space: &Space<'_>, tally: &Tally, explored: &Explored) {
        let protocol = space.protocol;
        let elapsed = self.spent + self.began.elapsed();
        let header = Header {
            program: self.program.clone(),
            search: self.search.clone(),
            unique: tally.unique.load(Ordering::Relaxed),
            generated: tally.generated.load(Ordering::Relaxed),
            depth: tally.depth.load(Ordering::Relaxed),
            milliseconds: elapsed.as_millis() as u64,
            crowded: tally.crowded.load(Ordering::Relaxed),
            outgrown: protocol.outgrown.load(Ordering::Relaxed),
            violated: explored.violated.iter().map(|(&found, key)| (found, key.parts())).collect(),
            exercised: protocol.coverage.marked().map(str::to_owned).collect(),
        };
        let write = &mut |out: &mut dyn Write| {
            let lines = header.lines()?;
            out.write_all(&lines)?;
            let mut blocks = BlockWriter::after(&lines, out);
            engine::write(space, explored, &mut blocks)?;
            blocks.finish()
        };
        self.unsaved = self.file.replace(write).err();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::super::super::bounds::{Bounds, Clocks};
    use super::super::super::engine::Scope;
    use super::super::super::steps::Steps;
    use super::super::super::task::protocol;
    use super::*;
    use crate::design::Design;

    #[derive(Default)]
    struct Memory(Option<Vec<u8>>);

    impl CheckpointFile for Memory {
        fn open(&mut self) -> io::Result<Option<Box<dyn Read>>> {
            Ok(self.0.clone().map(|kept| Box::new(Cursor::new(kept)) as Box<dyn Read>))
        }

        fn replace(
            &mut self,
            write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
        ) -> io::Result<()> {
            let mut kept = Vec::new();
            write(&mut kept)?;
            self.0 = Some(kept);
            Ok(())
        }
    }

    fn keeper<'a>(task: &Task, file: &'a mut Memory) -> Keeper<'a> {
        Keeper::new(task, Checkpointing { file, every: Duration::MAX, build: "tested" })
    }

    #[test]
    fn that_paths_were_cut_short_is_kept() {
        let task = Task::new("kept", Design::RECOMMENDED, Bounds::TINY, Clocks::Timely);
        let scope = Scope { which: Steps::All, reduced: true, symmetric: true, passes: false };
        for (crowded, outgrown) in [(false, false), (true, false), (false, true)] {
            let mut file = Memory::default();
            let searched = protocol(&task, task.bounds, task.checked.clone());
            let (space, tally) = (Space::new(&searched), Tally::default());
            let explored = Explored::begin(&space, scope, &tally);
            tally.crowded.store(crowded, Ordering::Relaxed);
            searched.outgrown.store(outgrown, Ordering::Relaxed);
            keeper(&task, &mut file).keep(&space, &tally, &explored);

            let again = protocol(&task, task.bounds, task.checked.clone());
            let (space, tally) = (Space::new(&again), Tally::default());
            let kept = keeper(&task, &mut file).resume(&space, &tally).expect("it is whole");
            assert!(kept.is_some());
            assert_eq!(tally.crowded.load(Ordering::Relaxed), crowded);
            assert_eq!(again.outgrown.load(Ordering::Relaxed), outgrown);
        }
    }
}
