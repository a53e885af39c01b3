//! What a counterexample of the checker becomes in a plan.

use std::collections::BTreeSet;

use gapless_model::Invariant;
use gapless_model::design::Design;
use gapless_sim::{Appending, CheckedFault, Counterexample, Happening, Plan};

/// One of two producers with an event each and two workers.
pub fn counterexample(fault: Option<CheckedFault>) -> Counterexample {
    Counterexample {
        design: Design::RECOMMENDED,
        invariant: Invariant::D2,
        producers: 2,
        events: 1,
        batch: 1,
        expected: false,
        partitions: 1,
        workers: 2,
        groups: 1,
        timely: true,
        faults: fault.into_iter().collect(),
    }
}

fn plans(counterexample: &Counterexample) -> Vec<Plan> {
    (0..100).map(|seed| counterexample.plan(seed)).collect()
}

fn happenings(plans: &[Plan]) -> BTreeSet<&'static str> {
    let incidents = plans.iter().flat_map(|plan| &plan.incidents);
    incidents.map(|incident| incident.happening.name()).collect()
}

#[test]
fn only_the_faults_of_the_counterexample_strike() {
    use CheckedFault as Fault;
    let calm = plans(&counterexample(None));
    assert!(happenings(&calm).is_empty());
    for (fault, happening) in [
        (Fault::Crash, "crash"),
        (Fault::Expiry, "freeze"),
        (Fault::ClockSet, "set-clock"),
        (Fault::TimeLimit, "stop"),
    ] {
        assert_eq!(happenings(&plans(&counterexample(Some(fault)))), [happening].into());
        assert_eq!(fault.obstacle(), None);
    }
    let fails = |plans: &[Plan]| plans.iter().all(|p| p.workers.iter().all(|w| w.fails > 0));
    assert!(fails(&plans(&counterexample(Some(Fault::HandlerFailed)))) && !fails(&calm));
    let kinds = |plan: &Plan| plan.trouble.weights.iter().filter(|weight| **weight > 0).count();
    let late = plans(&counterexample(Some(Fault::LateRequest)));
    assert_eq!((kinds(&calm[0]), kinds(&late[0])), (1, 3));
    assert!(Fault::LostTrigger.obstacle().is_some());
}

#[test]
fn a_second_run_is_a_twin_of_a_named_producer() {
    let plans = plans(&counterexample(Some(CheckedFault::SecondRun)));
    let has_twin = |plan: &Plan| plan.producers.iter().any(|producer| producer.twin.is_some());
    for plan in &plans {
        let named = plan.producers[0].appending == Appending::Named;
        assert_eq!(has_twin(plan), named);
        plan.validate().expect("it can be run");
    }
    assert!(plans.iter().any(has_twin));
}

#[test]
fn clocks_keep_their_bound_if_those_of_the_counterexample_do() {
    let offset = |happening: &Happening| match happening {
        Happening::SetClock { offset, .. } => offset.unsigned_abs(),
        _ => 0,
    };
    let in_bound = |plan: &Plan| {
        plan.incidents.iter().all(|incident| offset(&incident.happening) * 2 <= plan.skew.0)
    };
    let mut clocks = counterexample(Some(CheckedFault::ClockSet));
    assert!(plans(&clocks).iter().all(|plan| plan.timely && in_bound(plan)));
    clocks.timely = false;
    assert!(plans(&clocks).iter().all(|plan| !plan.timely));
    assert!(!plans(&clocks).iter().all(in_bound));
}

#[test]
fn partitions_and_expected_positions_are_kept() {
    let one = counterexample(None);
    assert!(plans(&one).iter().all(|plan| (plan.partition_bits, plan.keys) == (Some(0), 1)));
    let three = Counterexample { partitions: 3, expected: true, ..one };
    for plan in plans(&three) {
        assert_eq!(plan.partition_bits, Some(2));
        assert!(plan.producers.iter().all(|producer| producer.appending == Appending::Expecting));
        plan.validate().expect("it can be run");
    }
}
