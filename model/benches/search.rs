//! How fast the protocol is searched, by the checker's own engine and by Stateright, beside
//! two-phase commit on Stateright in the same run.
//!
//! The two engines search the same protocol. The rates are states generated a second; the own
//! engine takes states that differ only in names for one, so it generates fewer, and `without
//! symmetry` compares the engines on the same states. Two-phase commit is the yardstick that Stateright's own examples use. It is
//! written here anew from the specification by Gray and Lamport; its number of
//! states (8,832 with five participants) says that it is the same model.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gapless_model::Invariant;
use gapless_model::check::{Bounds, Clocks, Engine, Progress, Report, Task, check};
use gapless_model::design::Design;
use stateright::{Checker, Model, Property};

mod two_phase_commit {
    use super::{Model, Property};
    use std::collections::BTreeSet;

    /// What a participant has decided.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Participant {
        Working,
        Prepared,
        Committed,
        Aborted,
    }

    /// What was said. Nothing that was said is ever unsaid.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Said {
        Prepared(usize),
        Commit,
        Abort,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub struct State {
        participants: Vec<Participant>,
        decided: Option<bool>,
        heard: Vec<bool>,
        said: BTreeSet<Said>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Step {
        Hear(usize),
        Decide(bool),
        Prepare(usize),
        GiveUp(usize),
        Follow(usize, bool),
    }

    pub struct System(pub usize);

    impl Model for System {
        type State = State;
        type Action = Step;

        fn init_states(&self) -> Vec<State> {
            vec![State {
                participants: vec![Participant::Working; self.0],
                decided: None,
                heard: vec![false; self.0],
                said: BTreeSet::new(),
            }]
        }

        fn actions(&self, state: &State, steps: &mut Vec<Step>) {
            let undecided = state.decided.is_none();
            if undecided && state.heard.iter().all(|heard| *heard) {
                steps.push(Step::Decide(true));
            }
            if undecided {
                steps.push(Step::Decide(false));
            }
            for who in 0..self.0 {
                if undecided && state.said.contains(&Said::Prepared(who)) {
                    steps.push(Step::Hear(who));
                }
                if state.participants[who] == Participant::Working {
                    steps.extend([Step::Prepare(who), Step::GiveUp(who)]);
                }
                if state.said.contains(&Said::Commit) {
                    steps.push(Step::Follow(who, true));
                }
                if state.said.contains(&Said::Abort) {
                    steps.push(Step::Follow(who, false));
                }
            }
        }

        fn next_state(&self, last: &State, step: Step) -> Option<State> {
            let mut state = last.clone();
            match step {
                Step::Hear(who) => state.heard[who] = true,
                Step::Decide(commit) => {
                    state.decided = Some(commit);
                    state.said.insert(if commit { Said::Commit } else { Said::Abort });
                }
                Step::Prepare(who) => {
                    state.participants[who] = Participant::Prepared;
                    state.said.insert(Said::Prepared(who));
                }
                Step::GiveUp(who) => state.participants[who] = Participant::Aborted,
                Step::Follow(who, commit) => {
                    state.participants[who] =
                        if commit { Participant::Committed } else { Participant::Aborted };
                }
            }
            Some(state)
        }

        fn properties(&self) -> Vec<Property<Self>> {
            vec![Property::always("consistent", |_, state: &State| {
                let any = |wanted| state.participants.contains(&wanted);
                !(any(Participant::Aborted) && any(Participant::Committed))
            })]
        }
    }
}

/// Two faults of some kinds: searches of a second or so, beside which the pauses between two looks at a
/// search's progress do not count.
const BOUNDS: Bounds =
    Bounds { faults: 2, twins: 0, slow: 0, clock_steps: 0, failures: 0, ..Bounds::DEFAULT };

/// A check of the recommended design on one thread.
fn task() -> Task {
    let mut task = Task::new("recommended", Design::RECOMMENDED, BOUNDS, Clocks::Timely);
    task.threads = NonZeroUsize::MIN;
    task
}

/// Without P1, which Stateright cannot judge.
fn without_p1() -> Task {
    let mut task = task();
    task.checked.retain(|invariant| *invariant != Invariant::P1);
    task
}

fn checked(task: &Task) -> Report {
    let report = check(task, &mut |_: Progress| true);
    assert!(report.is_exhaustive() && report.violated().is_empty(), "the design should hold");
    report
}

fn search<M>(model: M) -> (u64, u64)
where
    M: Model + Send + Sync + 'static,
    M::State: std::hash::Hash + Clone + PartialEq + Send + Sync,
    M::Action: Clone + PartialEq,
{
    let checker = model.checker().threads(1).spawn_dfs().join();
    (checker.state_count() as u64, checker.unique_state_count() as u64)
}

fn benches(criterion: &mut Criterion) {
    assert_eq!(search(two_phase_commit::System(5)).1, 8_832, "not the model it should be");
    let checks = [
        ("all invariants", task()),
        ("without P1", without_p1()),
        ("without P1, without symmetry", Task { symmetric: false, ..without_p1() }),
        ("without P1, on Stateright", Task { engine: Engine::Stateright, ..without_p1() }),
    ];
    let mut group = criterion.benchmark_group("states generated");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(search(two_phase_commit::System(8)).0));
    group.bench_function(BenchmarkId::new("two-phase commit", 8), |bencher| {
        bencher.iter(|| search(black_box(two_phase_commit::System(8))));
    });
    for (name, task) in &checks {
        let report = checked(task);
        println!("{name}: {} states, {} generated", report.unique, report.generated);
        group.throughput(Throughput::Elements(report.generated as u64));
        group.bench_function(BenchmarkId::new("recommended", name), |bencher| {
            bencher.iter(|| checked(black_box(task)));
        });
    }
    group.finish();
}

criterion_group!(search_benches, benches);
criterion_main!(search_benches);
