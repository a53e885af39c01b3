//! A search that is interrupted and goes on from its checkpoint file ends as it would have.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Write};
use std::time::Duration;

use gapless_model::check::{
    Bounds, CheckpointError, CheckpointFile, Checkpointing, Clocks, Ended, Engine, Progress,
    Resumed, Task, Verdict, check_resumably,
};
use gapless_model::design::Design;
use gapless_model::{Invariant, Mutant};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::common::{CALM, run, task};
use crate::outcome::{design, outcome, searches, with_threads};

const R: Design = Design::RECOMMENDED;

/// A checkpoint file in memory.
#[derive(Default)]
struct Memory {
    kept: Option<Vec<u8>>,
    /// Where `Some(n)`, every nth checkpoint is remembered, and the others are not even written.
    stride: Option<usize>,
    checkpoints: usize,
    remembered: Vec<Vec<u8>>,
    /// After how many bytes the disk is full.
    room: Option<usize>,
}

impl Memory {
    fn with(kept: &[u8]) -> Memory {
        Memory { kept: Some(kept.to_vec()), ..Memory::default() }
    }
}

impl CheckpointFile for Memory {
    fn open(&mut self) -> io::Result<Option<Box<dyn Read>>> {
        Ok(self.kept.clone().map(|kept| Box::new(Cursor::new(kept)) as Box<dyn Read>))
    }

    fn replace(
        &mut self,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.checkpoints += 1;
        if self.stride.is_some_and(|stride| !self.checkpoints.is_multiple_of(stride)) {
            return Ok(());
        }
        let mut written = Limited { bytes: Vec::new(), room: self.room.unwrap_or(usize::MAX) };
        write(&mut written)?;
        if self.stride.is_some() {
            self.remembered.push(written.bytes.clone());
        }
        self.kept = Some(written.bytes);
        Ok(())
    }
}

struct Limited {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Goes on from a file with a checkpoint every so often, until the watch says stop.
fn go_on(
    task: &Task,
    file: &mut Memory,
    every: Duration,
    watch: impl FnMut(Progress) -> bool,
) -> Result<Resumed, CheckpointError> {
    let mut watch = watch;
    check_resumably(task, Checkpointing { file, every, build: "tested" }, &mut watch)
}

/// Goes on from what was kept, without a break.
fn finish(task: &Task, kept: &[u8]) -> Resumed {
    let resumed = go_on(task, &mut Memory::with(kept), Duration::MAX, |_| true);
    resumed.expect("the file is whole")
}

#[test]
fn from_every_checkpoint_a_search_ends_as_it_would_have() {
    for task in searches() {
        for threads in [1, 2] {
            let task = with_threads(&task, threads);
            let whole = run(&task);
            // A checkpoint between any two chunks: as if the process were killed just then.
            let stride = (whole.unique / 64 / threads / 5).max(1);
            let mut file = Memory { stride: Some(stride), ..Memory::default() };
            let kept = go_on(&task, &mut file, Duration::ZERO, |_| true).expect("there is no file");
            assert_eq!(outcome(&kept.report), outcome(&whole), "{task:?}");
            assert!(file.remembered.len() >= 4, "{} of {task:?}", file.checkpoints);
            for kept in &file.remembered {
                let resumed = finish(&task, kept);
                assert!(resumed.from.is_some_and(|from| from <= whole.unique));
                assert_eq!(outcome(&resumed.report), outcome(&whole), "{task:?}");
                // On one thread even the numbers of components are those of an unbroken search.
                if threads == 1 {
                    assert_eq!(resumed.report.outlooks, whole.outlooks, "{task:?}");
                }
            }
        }
    }
}

#[test]
fn a_search_that_is_interrupted_again_and_again_ends_as_it_would_have() {
    let searches = searches();
    let unbroken: Vec<_> = searches.iter().map(|task| outcome(&run(task))).collect();
    let broken = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    let drawn = (0..searches.len(), 1..3_usize, 1..4_000_usize);
    let checked = runner.run(&drawn, |(index, threads, step)| {
        let task = with_threads(&searches[index], threads);
        let mut file = Memory::default();
        let mut most = step;
        let report = loop {
            let stop = |progress: Progress| progress.unique < most;
            let resumed = go_on(&task, &mut file, Duration::MAX, stop).expect("the file is whole");
            prop_assert!(resumed.unsaved.is_none());
            if resumed.report.is_exhaustive() {
                break resumed.report;
            }
            prop_assert_eq!(resumed.report.ended, Ended::Interrupted);
            broken.set(broken.get() + 1);
            // What follows the exploration is not kept, so at last it has to be let through.
            most = match resumed.report.unique {
                reached if reached == unbroken[index].unique => usize::MAX,
                reached => reached + step,
            };
        };
        prop_assert_eq!(&outcome(&report), &unbroken[index]);
        Ok(())
    });
    checked.expect("interrupted or not, the outcome is the same");
    assert!(broken.get() > 24, "only {} runs were interrupted", broken.get());
}

#[test]
fn what_follows_the_exploration_begins_anew_and_the_states_are_kept() {
    let task = task(design("skip-gaps"), Bounds { faults: 1, crashes: 1, ..CALM });
    let whole = run(&task);
    let mut file = Memory::default();
    // P1 is judged when all states are known.
    let stop = |progress: Progress| progress.unique < whole.unique;
    let broken = go_on(&task, &mut file, Duration::MAX, stop).expect("there is no file");
    assert!(!broken.report.is_final());
    let resumed = go_on(&task, &mut file, Duration::MAX, |_| true).expect("the file is whole");
    assert_eq!(resumed.from, Some(whole.unique));
    assert_eq!(outcome(&resumed.report), outcome(&whole));
    assert!(resumed.report.is_final());
    // Nothing is left to explore, so nothing is written again.
    let mut full = Memory { room: Some(0), ..Memory::with(file.kept.as_ref().expect("kept")) };
    let again = go_on(&task, &mut full, Duration::ZERO, |_| true).expect("the file is whole");
    assert!(again.unsaved.is_none() && full.checkpoints == 0);
    assert_eq!(outcome(&again.report), outcome(&whole));
}

#[test]
fn a_stop_while_the_file_is_read_does_not_pass_for_the_end_of_the_search() {
    let (task, kept) = half();
    let mut calls = 0;
    let first_only = |_: Progress| {
        calls += 1;
        calls > 1
    };
    let resumed = go_on(&task, &mut Memory::with(&kept), Duration::MAX, first_only);
    let resumed = resumed.expect("the file is whole");
    assert_eq!(outcome(&resumed.report), outcome(&run(&task)));
}

#[test]
fn the_time_of_earlier_runs_counts() {
    let (task, kept) = half();
    let resumed = finish(&task, &kept);
    let header = header_of(&kept);
    let before = header["milliseconds"].as_u64().expect("a number");
    assert!(resumed.report.elapsed >= Duration::from_millis(before));
    let more = edited(&kept, |header| header["milliseconds"] = 3_600_000.into());
    assert!(finish(&task, &more).report.elapsed > Duration::from_secs(3600));
}

#[test]
fn a_disk_that_is_full_costs_no_verdict_and_no_checkpoint() {
    let (task, kept) = half();
    let whole = run(&task);
    let mut full = Memory { room: Some(1000), ..Memory::with(&kept) };
    let resumed = go_on(&task, &mut full, Duration::ZERO, |_| true).expect("the file is whole");
    assert_eq!(resumed.unsaved.expect("an error").kind(), io::ErrorKind::StorageFull);
    assert_eq!(outcome(&resumed.report), outcome(&whole));
    assert_eq!(full.kept.as_deref(), Some(&kept[..]));
}

#[test]
fn a_search_that_left_states_out_is_not_exhaustive_and_says_what_it_had_no_room_for() {
    let (task, kept) = half();
    for (field, ended) in [("crowded", Ended::Crowded), ("outgrown", Ended::Outgrown)] {
        let report = finish(&task, &edited(&kept, |header| header[field] = true.into())).report;
        assert_eq!((report.ended, report.is_exhaustive(), report.is_final()), (ended, false, true));
        assert!(report.verdicts.values().all(|verdict| *verdict == Verdict::Unknown));
    }
}

/// A search, and what is kept of it half-way.
fn half() -> (Task, Vec<u8>) {
    let task = with_threads(&task(R, Bounds { faults: 1, crashes: 1, late: 1, ..CALM }), 1);
    let mut file = Memory { stride: Some(20), ..Memory::default() };
    go_on(&task, &mut file, Duration::ZERO, |_| true).expect("there is no file");
    let kept = file.remembered.swap_remove(file.remembered.len() / 2);
    (task, kept)
}

/// The header, which is the second line.
fn header_of(kept: &[u8]) -> serde_json::Value {
    let line = kept.split(|&byte| byte == b'\n').nth(1).expect("a second line");
    serde_json::from_slice(line).expect("JSON")
}

/// The same file with another header, and with every checksum right.
fn edited(kept: &[u8], edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut header = header_of(kept);
    edit(&mut header);
    let json = header.to_string();
    let first = format!("gapless-checkpoint 2 {:08x}", crc32fast::hash(json.as_bytes()));
    let mut edited = format!("{first}\n{json}\n").into_bytes();
    let mut sum = crc32fast::Hasher::new();
    sum.update(&edited);
    let ends = kept.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let mut rest = &kept[ends.take(2).last().expect("two lines") + 1..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (block, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        sum.update(length);
        sum.update(block);
        edited.extend([&length[..], block, &sum.clone().finalize().to_le_bytes()].concat());
        rest = &behind[4..];
    }
    edited
}

/// Says why a search cannot go on from a file, and asserts that the file is left alone.
fn refused(task: &Task, kept: &[u8]) -> CheckpointError {
    let mut file = Memory::with(kept);
    let refused = go_on(task, &mut file, Duration::ZERO, |_| true).err();
    assert_eq!((file.checkpoints, file.kept.as_deref()), (0, Some(kept)));
    refused.expect("it should be refused")
}

#[test]
fn another_search_is_refused_with_what_differs() {
    let (task, kept) = half();
    let bounds = task.bounds;
    let others = [
        (Task { design: design("wait-at-gaps"), ..task.clone() }, "the design's gap is void there"),
        (Task { bounds: Bounds { faults: 2, ..bounds }, ..task.clone() }, "faults is 1 there"),
        (Task { bounds: Bounds { late: 0, ..bounds }, ..task.clone() }, "late is 1 there and 0"),
        (Task { clocks: Clocks::Unbounded, ..task.clone() }, "clocks is timely there"),
        (Task { checked: vec![Invariant::L1], ..task.clone() }, "invariants is S1 S2"),
        (Task { mutant: Some(Mutant::BlindVoids), ..task.clone() }, "the mutant is none there"),
        (Task { reduced: false, ..task.clone() }, "reduction is true there and false here"),
        (Task { symmetric: false, ..task.clone() }, "symmetry is true there and false here"),
    ];
    for (other, difference) in others {
        let refused = refused(&other, &kept);
        assert!(matches!(refused, CheckpointError::Search { .. }), "{refused}");
        assert!(refused.to_string().contains(difference), "{refused}");
    }
    // These decide nothing about the states.
    let mut reordered = Task { name: "another name".to_owned(), ..with_threads(&task, 2) };
    reordered.checked.reverse();
    (reordered.timeout, reordered.max_memory) = (Some(Duration::MAX), Some(usize::MAX));
    assert_eq!(finish(&reordered, &kept).report.unique, run(&task).unique);
}

#[test]
fn another_program_is_refused() {
    let (task, kept) = half();
    let program = |field: &'static str, value: serde_json::Value| {
        refused(&task, &edited(&kept, |header| header["program"][field] = value))
    };
    let version = program("version", "9.9.9".into()).to_string();
    assert!(version.contains("9.9.9 (build tested), and this is gapless 0.1.0"), "{version}");
    let build = program("build", "other".into()).to_string();
    assert!(build.contains("(build other)") && build.contains("(build tested)"), "{build}");
    assert!(matches!(program("hash", 1.into()), CheckpointError::Processor));
    let format = [b"gapless-checkpoint 7", &kept[20..]].concat();
    assert!(matches!(refused(&task, &format), CheckpointError::Format { found: 7 }));
    let stateright = Task { engine: Engine::Stateright, ..task.clone() };
    assert!(matches!(refused(&stateright, &kept), CheckpointError::Engine));
}

#[test]
fn a_file_that_is_none_is_refused() {
    let (task, kept) = half();
    for alien in [&b""[..], b"\n", b"{}", b"gapless-decisions 1\n", &[0; 4096], &[0xff; 100]] {
        assert!(matches!(refused(&task, alien), CheckpointError::Alien), "{alien:?}");
    }
    let lied = edited(&kept, |header| header["unique"] = 1.into());
    assert!(matches!(refused(&task, &lied), CheckpointError::Damaged { .. }));
    let unknown = edited(&kept, |header| header["exercised"] = vec!["no such step"].into());
    assert!(matches!(refused(&task, &unknown), CheckpointError::Damaged { .. }));
    for parts in [[5_000_000, 0, 0], [1 << 31, 0, 0]] {
        let state = edited(&kept, |header| header["violated"]["S1"] = parts.to_vec().into());
        assert!(matches!(refused(&task, &state), CheckpointError::Damaged { .. }));
    }
    let empty = edited(&kept, |header| *header = serde_json::json!({}));
    assert!(matches!(refused(&task, &empty), CheckpointError::Damaged { .. }));
}

#[test]
fn a_file_that_was_cut_short_or_has_one_bit_changed_is_refused() {
    let (task, kept) = half();
    let header = kept.iter().position(|&byte| byte == b'{').expect("a header");
    // Every place of the header, and many behind it.
    let places = (0..header + 40).chain((header + 40..kept.len()).step_by(kept.len() / 200));
    for place in places.chain(kept.len() - 12..kept.len()) {
        let cut = refused(&task, &kept[..place]);
        let is_damaged = matches!(cut, CheckpointError::Damaged { .. });
        assert!(is_damaged || place < header, "cut at {place}: {cut}");
        let mut changed = kept.clone();
        changed[place] ^= 1 << (place % 8);
        let changed = refused(&task, &changed);
        let is_damaged = matches!(changed, CheckpointError::Damaged { .. });
        assert!(is_damaged || place < header, "changed at {place}: {changed}");
    }
    let longer = [&kept[..], b"\n"].concat();
    assert!(matches!(refused(&task, &longer), CheckpointError::Damaged { .. }));
}

#[test]
fn what_is_violated_is_said_even_if_the_search_for_its_counterexample_is_cut_short() {
    // Shortest with one fault, so that a search without faults cannot find it in passing.
    let task = Task {
        checked: vec![Invariant::L3, Invariant::S1],
        ..task(design("epoch-only-checkpoint"), Bounds { faults: 1, late: 1, ..CALM })
    };
    let whole = run(&task);
    assert_eq!(whole.violated(), [Invariant::L3]);
    let mut file = Memory::default();
    let stop = |progress: Progress| !progress.shortening;
    let broken = go_on(&task, &mut file, Duration::MAX, stop).expect("there is no file").report;
    assert_eq!(broken.violated(), [Invariant::L3]);
    assert_eq!(broken.verdicts[&Invariant::L3], Verdict::Unshown);
    assert_eq!(broken.verdicts[&Invariant::S1], Verdict::Holds);
    assert!(!broken.is_final(), "the next run shows it");
    let resumed = go_on(&task, &mut file, Duration::MAX, |_| true).expect("the file is whole");
    assert_eq!(outcome(&resumed.report), outcome(&whole));
}
