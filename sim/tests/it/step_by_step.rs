//! Counterexamples of the checker, played step by step.

use std::collections::BTreeSet;

use gapless_model::Invariant;
use gapless_model::design::{Design, NAMED};
use gapless_sim::{
    Act, Breach, CheckedFault, Counterexample, Followed, Node, Plan, RunReport, ScriptStep, run,
};

use super::counterexamples::counterexample as small;

const A: Node = Node(0);
const B: Node = Node(1);
const ONE: Node = Node(2);
const TWO: Node = Node(3);

fn counterexample(design: &str, invariant: Invariant) -> Counterexample {
    let known = NAMED.iter().find(|known| known.name == design);
    let design = known.map_or(Design::RECOMMENDED, |known| known.design);
    Counterexample { design, invariant, ..small(None) }
}

fn step(act: Act) -> ScriptStep {
    ScriptStep { says: format!("{act:?}"), act }
}

fn sends(node: Node, asks: &str) -> Act {
    Act::Send { node, asks: asks.to_owned() }
}

fn plan(counterexample: &Counterexample, acts: Vec<Act>) -> Plan {
    let plan = counterexample.scripted(1, acts.into_iter().map(step).collect());
    plan.validate().expect("it can be run");
    plan
}

fn followed(report: &RunReport) -> Followed {
    report.followed.clone().expect("the plan has a script")
}

/// Both producers claim their names and are given numbers, and B writes slot 2: slot 1 is a gap.
fn a_gap() -> Vec<Act> {
    let raise = "raise the head, recording event 1 if the record is of epoch 1";
    vec![
        sends(A, "read the record of A"),
        sends(B, "read the record of B"),
        sends(A, "claim the name A if its epoch is 0"),
        sends(B, "claim the name B if its epoch is 0"),
        sends(A, raise),
        sends(B, raise),
        sends(B, "write B1 into slot 2 if empty"),
    ]
}

/// A worker takes a trigger, the lease and a page.
fn a_page(worker: Node) -> Vec<Act> {
    vec![
        Act::Take { node: worker },
        sends(worker, "take the lease if it is free or has ended"),
        sends(worker, "read events after 0"),
    ]
}

/// A worker steps over the gap, and A's late event is behind its checkpoint.
fn a_late_event() -> Vec<Act> {
    let late = [
        sends(A, "write A1 into slot 1 if empty"),
        Act::Deliver { node: ONE },
        sends(ONE, "read events after 2, eventually consistent"),
        sends(ONE, "move the checkpoint to 2, releasing the lease, if its epoch is 1"),
    ];
    [a_gap(), a_page(ONE), late.into()].concat()
}

#[test]
fn a_script_is_played_to_the_step_that_breaks_the_invariant() {
    let plan = plan(&counterexample("skip-gaps", Invariant::D3), a_late_event());
    let report = run(&plan);
    let violation = report.violation.clone().expect("the event is never delivered");
    assert_eq!(violation.breach, Breach::Invariant(Invariant::D3));
    let expected = Followed { steps: 14, ..Followed::default() };
    assert_eq!(followed(&report), expected);
    assert_eq!(run(&plan).log, report.log, "it is the same each time");
    let written = Plan::from_json(&plan.to_json()).expect("it is a plan");
    assert_eq!(run(&written).log, report.log, "and from a file");
}

#[test]
fn a_process_that_wants_something_else_ends_the_play() {
    // The recommended design waits at the gap.
    let report = run(&plan(&counterexample("recommended", Invariant::D3), a_late_event()));
    assert_eq!(report.violation, None);
    let divergence = followed(&report).diverges.expect("no delivery is in hand");
    assert_eq!((divergence.step, divergence.instead.as_str()), (12, "worker 1 asks for nothing"));

    let mut acts = a_gap();
    acts[6] = sends(B, "write B1 into slot 3 if empty");
    let report = run(&plan(&counterexample("recommended", Invariant::D3), acts));
    let divergence = followed(&report).diverges.expect("it has slot 2");
    assert_eq!(divergence.step, 7);
    assert_eq!(divergence.instead, "producer 2 wants to write … into slot 2 if empty");
}

#[test]
fn time_passes_in_ticks_and_a_worker_acts_on_it_when_it_looks_at_its_clock() {
    let waits = |ticks: usize| {
        let ticks = std::iter::repeat_n(Act::Tick, ticks);
        let voids = [Act::Clock { node: ONE }, sends(ONE, "void slot 1 if empty")];
        let acts = a_gap().into_iter().chain(a_page(ONE)).chain(ticks).chain(voids);
        run(&plan(&counterexample("recommended", Invariant::P1), acts.collect()))
    };
    let early = followed(&waits(0)).diverges.expect("the grace period is not over");
    assert_eq!(early.instead, "worker 1 asks for nothing");
    let report = waits(1);
    assert_eq!(report.violation, None);
    assert_eq!(followed(&report), Followed { steps: 13, is_whole: true, ..Followed::default() });
    // Behind the script the run goes on by itself.
    assert!(report.log.contains("has appended everything"), "{}", report.log);
}

#[test]
fn a_lease_ends_when_the_script_lets_time_pass_and_another_worker_takes_over() {
    let mut acts = [a_gap(), vec![sends(A, "write A1 into slot 1 if empty")], a_page(ONE)].concat();
    acts.extend([Act::Tick, Act::Tick, Act::Tick]);
    acts.extend(a_page(TWO));
    acts.extend([Act::Deliver { node: TWO }, Act::Clock { node: ONE }]);
    let report = run(&plan(&counterexample("recommended", Invariant::L2), acts));
    let followed = followed(&report);
    assert!(followed.is_whole && followed.detours.is_empty(), "{followed:?}");
    assert!(report.log.contains("under epoch 2"));
}

#[test]
fn faults_strike_in_their_steps() {
    let claim = "claim the name A if its epoch is 0".to_owned();
    let again = "claim the name A if its epoch is 1";
    let raise = "raise the head, recording event 1 if the record is of epoch 2".to_owned();
    let acts = vec![
        sends(A, "read the head"),
        Act::LoseReply { node: A, asks: claim },
        Act::Crash { node: A, asks: None },
        Act::Restart { node: A },
        sends(A, "read the head"),
        sends(A, again),
        Act::Delay { node: A, asks: raise.clone() },
        sends(A, &raise),
        sends(A, "write A1 into slot 1 if empty"),
        Act::Arrive { asks: raise },
        Act::Take { node: ONE },
        Act::Depart { node: ONE, asks: "take the lease if it is free or has ended".to_owned() },
        Act::Land { node: ONE },
        Act::Hear { node: ONE },
        sends(ONE, "read events after 0"),
        Act::Fail { node: ONE },
        Act::Take { node: ONE },
        sends(ONE, "take the lease if it is free or has ended"),
        Act::Stop { node: TWO },
        Act::Drop { node: TWO, asks: None },
        Act::SetClock { node: TWO, ahead: 1 },
        Act::Crash { node: TWO, asks: None },
        Act::Nothing,
    ];
    let all = acts.len();
    let report = run(&plan(&counterexample("recommended", Invariant::S2), acts));
    assert_eq!(followed(&report), Followed { steps: all, is_whole: true, ..Followed::default() });
    assert_eq!(report.violation, None);
    for fault in ["lose-reply", "late", "crash", "handler", "stop", "drop", "set-clock"] {
        assert!(report.log.contains(&format!("\"fault\":\"{fault}\"")), "{fault}");
    }
}

#[test]
fn a_second_run_starts_when_the_script_says_so() {
    let faults = BTreeSet::from([CheckedFault::SecondRun]);
    let twins = Counterexample { faults, ..counterexample("recommended", Invariant::S2) };
    let (second, worker) = (twins.scripted_producer(0, true), twins.scripted_worker(0));
    assert_eq!((second, worker), (Node(2), Node(4)));
    let acts = vec![
        sends(A, "read the head"),
        sends(A, "claim the name A if its epoch is 0"),
        Act::Start { node: second },
        sends(second, "read the head"),
        sends(second, "claim the name A if its epoch is 1"),
    ];
    let report = run(&plan(&twins, acts));
    assert_eq!(followed(&report), Followed { steps: 5, is_whole: true, ..Followed::default() });
    assert_eq!(report.violation, None);
}
