//! Leaving out orders of steps that make no difference changes no verdict.

use std::collections::BTreeSet;
use std::time::Duration;

use gapless_model::Invariant;
use gapless_model::check::{Bounds, Clocks, Progress, Task, check};
use gapless_model::design::NAMED;

use crate::common::{CALM, broken, task};

fn assert_same_verdicts(bounds: Bounds, clocks: Clocks) {
    for known in NAMED {
        let checked = Task::applicable(clocks);
        let reduced = Task { clocks, checked, ..task(known.design, bounds) };
        let full = Task { reduced: false, ..reduced.clone() };
        assert_eq!(broken(&reduced), broken(&full), "{}", known.name);
    }
}

#[test]
fn verdicts_are_the_same_with_and_without_reduction() {
    let bounds = Bounds { crashes: 1, lost_replies: 1, late: 1, expiries: 1, ..CALM };
    assert_same_verdicts(Bounds { faults: 1, ..bounds }, Clocks::Timely);
}

#[test]
fn verdicts_are_the_same_under_unbounded_clocks() {
    let bounds =
        Bounds { faults: 1, expiries: 1, stale: 1, handovers: 1, lost_triggers: 1, ..CALM };
    assert_same_verdicts(bounds, Clocks::Unbounded);
}

/// Every named design with each size one larger by itself, and with two faults. What the full search
/// finds within a minute must be found by the reduced one, too; and nothing else, where it ends.
#[test]
#[ignore = "takes hours; the nightly job runs it"]
fn verdicts_are_the_same_at_every_bound_that_exhausts_in_a_minute() {
    let one = Bounds::TINY;
    let bounds = [
        one,
        Bounds { expected: 1, ..one },
        Bounds { skew: 2, ..one },
        Bounds { workers: 3, ..one },
        Bounds { partitions: 2, ..one },
        Bounds::DEFAULT,
        Bounds { events: 2, batch: 2, producers: 1, ..one },
        Bounds { groups: 2, ..one },
        Bounds { events: 2, ..one },
    ];
    for (bounds, clocks) in bounds
        .into_iter()
        .flat_map(|bounds| [Clocks::Timely, Clocks::Unbounded].map(|clocks| (bounds, clocks)))
    {
        let mut exhausted = 0;
        for known in NAMED {
            let checked = Task::applicable(clocks);
            let reduced = Task { clocks, checked, ..task(known.design, bounds) };
            let timeout = Some(Duration::from_secs(60));
            let full = Task { reduced: false, timeout, ..reduced.clone() };
            let full = check(&full, &mut |_: Progress| true);
            let found: BTreeSet<Invariant> = full.violated().into_iter().collect();
            let reduced = broken(&reduced);
            assert!(found.is_subset(&reduced), "{}, {bounds:?}: {found:?}", known.name);
            if full.is_exhaustive() {
                assert_eq!(found, reduced, "{}, {bounds:?}", known.name);
                exhausted += 1;
            }
        }
        println!("{clocks:?}, {exhausted} of {} exhausted: {bounds:?}", NAMED.len());
    }
}
