//! How fast the protocol is searched, beside two-phase commit in the same run.
//!
//! Two-phase commit is the yardstick that Stateright's own examples use. It is
//! written here anew from the specification by Gray and Lamport; its number of
//! states (8,832 with five participants) says that it is the same model.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gapless_model::Invariant;
use gapless_model::check::{Bounds, Clocks, Protocol, Task};
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

/// Two faults: half a million states.
const BOUNDS: Bounds = Bounds { faults: 2, ..Bounds::DEFAULT };

fn protocol(checked: Vec<Invariant>) -> Protocol<2, 2, 1, 8, 1> {
    Protocol::new(Design::RECOMMENDED, BOUNDS, Clocks::Timely, checked)
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
    let all = || Task::applicable(Clocks::Timely);
    let safety = || all().into_iter().filter(|i| *i != Invariant::P1).collect::<Vec<_>>();
    let mut group = criterion.benchmark_group("states generated");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(search(two_phase_commit::System(8)).0));
    group.bench_function(BenchmarkId::new("two-phase commit", 8), |bencher| {
        bencher.iter(|| search(black_box(two_phase_commit::System(8))));
    });
    group.throughput(Throughput::Elements(search(protocol(all())).0));
    group.bench_function(BenchmarkId::new("recommended", "all invariants"), |bencher| {
        bencher.iter(|| search(protocol(black_box(all()))));
    });
    group.throughput(Throughput::Elements(search(protocol(safety())).0));
    group.bench_function(BenchmarkId::new("recommended", "without P1"), |bencher| {
        bencher.iter(|| search(protocol(black_box(safety()))));
    });
    group.finish();
    println!("a state: {} bytes", size_of::<gapless_model::check::World<2, 2, 1, 8, 1>>());
}

criterion_group!(search_benches, benches);
criterion_main!(search_benches);
