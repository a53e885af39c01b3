//! Searches whose states are on disk find what they find in memory.

use std::time::Duration;

use gapless_model::check::{Bounds, Ended, OnDisk, Progress, Report, Task, Verdict, check};
use gapless_model::{Invariant, design::Design};

use crate::common::{CALM, run, task};
use crate::outcome::{design, outcome, searches, with_threads};

/// The same search with its states on disk beyond so many bytes of them. Where states got lost, it
/// would not end.
fn on_disk(task: &Task, beyond: usize) -> Task {
    let disk = Some(OnDisk { folder: std::env::temp_dir(), beyond });
    Task { disk, timeout: Some(Duration::from_secs(60)), ..task.clone() }
}

#[test]
fn a_search_with_its_states_on_disk_ends_as_one_in_memory() {
    let mut in_both = 0;
    for task in searches() {
        let whole = run(&task);
        // At the end of each level, and now and then.
        for (beyond, threads) in [(0, 1), (0, 2), (100_000, 2)] {
            let found = run(&with_threads(&on_disk(&task, beyond), threads));
            assert_eq!(outcome(&found), outcome(&whole), "{task:?}");
            if beyond == 0 {
                // The last level adds no state.
                assert_eq!(found.on_disk, found.unique, "{task:?}");
            } else {
                in_both += usize::from((1..found.unique).contains(&found.on_disk));
            }
        }
    }
    assert!(in_both > 3, "{in_both} searches had states on disk and in memory");
}

#[test]
fn states_stay_in_memory_as_long_as_there_is_room() {
    let found = run(&on_disk(&task(Design::RECOMMENDED, CALM), usize::MAX));
    assert_eq!(found.on_disk, 0);
}

/// The same search where the disk cannot be written to.
fn without_a_disk(task: &Task, beyond: usize) -> Report {
    let mut nowhere = on_disk(task, beyond);
    if let Some(disk) = &mut nowhere.disk {
        disk.folder = disk.folder.join("gapless-nowhere");
    }
    let report = check(&nowhere, &mut |_: Progress| true);
    assert_eq!(report.ended, Ended::Disk);
    assert!(report.disk_failed.is_some());
    report
}

#[test]
fn without_a_disk_the_search_ends_and_says_why() {
    let task = task(design("skip-gaps"), Bounds { faults: 1, ..CALM });
    let report = without_a_disk(&task, 0);
    assert!(report.verdicts.values().all(|verdict| *verdict == Verdict::Unknown));
    assert!(report.verdicts.contains_key(&Invariant::P1));
}

#[test]
fn what_was_violated_before_the_disk_failed_is_shown() {
    let task = task(design("skip-gaps"), Bounds { faults: 1, ..Bounds::TINY });
    let whole = run(&task);
    let report = without_a_disk(&task, whole.unique * 7);
    let (shown, known) = (&report.verdicts[&Invariant::D3], &whole.verdicts[&Invariant::D3]);
    assert!(matches!(shown, Verdict::Violated(_)), "{shown:?}");
    assert_eq!(shown, known);
    assert_eq!(report.verdicts[&Invariant::S1], Verdict::Unknown);
}
