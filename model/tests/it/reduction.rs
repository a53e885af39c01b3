//! Leaving out orders of steps that make no difference changes no verdict.

use crate::common::{CALM, broken, task};
use gapless_model::check::{Bounds, Clocks, Task};
use gapless_model::design::NAMED;

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
