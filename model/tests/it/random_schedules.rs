//! The machines over the abstract store on random schedules, far beyond what can
//! be searched: eight producers, fifty-six events, four workers, two groups, and
//! dozens of faults in one run. A schedule that breaks something is shrunk, and
//! shown step by step.

use std::fmt::Write as _;

use crate::common::CALM;
use gapless_model::Invariant;
use gapless_model::check::{Action, Bounds, Clocks, Protocol, World};
use gapless_model::design::{
    Design, Expiry, Finish, Gap, Increment, Producer, Read, Release, Trigger,
};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use stateright::Model;

const BOUNDS: Bounds = Bounds {
    producers: 8,
    events: 7,
    batch: 3,
    workers: 4,
    groups: 2,
    faults: 40,
    crashes: 10,
    lost_replies: 20,
    late: 10,
    stale: 10,
    expiries: 10,
    handovers: 10,
    slow: 10,
    clock_steps: 10,
    failures: 10,
    long_inputs: 2,
    lost_triggers: 5,
    duplicate_triggers: 5,
    ..CALM
};

/// One choice of a schedule: which of the possible steps, and whether faults are among them.
#[derive(Clone, Copy, Debug)]
struct Choice {
    step: u16,
    fault: bool,
}

fn choice() -> impl Strategy<Value = Choice> {
    (any::<u16>(), prop::bool::weighted(0.1)).prop_map(|(step, fault)| Choice { step, fault })
}

fn is_fault(action: Action) -> bool {
    match action {
        Action::Begin { .. }
        | Action::Send { .. }
        | Action::Take { .. }
        | Action::Deliver { .. }
        | Action::Restart { .. }
        | Action::Operate { .. }
        | Action::Arrive { .. }
        | Action::Clock { .. }
        | Action::Land { .. }
        | Action::Hear { .. }
        | Action::Tick
        | Action::Sweep { .. } => false,
        Action::LoseReply { .. }
        | Action::Delay { .. }
        | Action::StaleRead { .. }
        | Action::Crash { .. }
        | Action::Depart { .. }
        | Action::Twin { .. }
        | Action::Lengthen { .. }
        | Action::Fail { .. }
        | Action::Drop { .. }
        | Action::Stop { .. }
        | Action::SetClock { .. }
        | Action::LoseTrigger { .. }
        | Action::DuplicateTrigger { .. } => true,
    }
}

/// Follows a schedule; the steps it took, and the first invariant that broke.
fn follow(protocol: &Protocol, schedule: &[Choice]) -> (World, Vec<Action>, Option<Invariant>) {
    let safety = protocol.checked.clone();
    let mut world = protocol.initial();
    let mut taken = Vec::new();
    let mut possible = Vec::new();
    for choice in schedule {
        possible.clear();
        protocol.actions(&world, &mut possible);
        if !choice.fault && possible.iter().any(|action| !is_fault(*action)) {
            possible.retain(|action| !is_fault(*action));
        }
        let Some(action) = possible.get(usize::from(choice.step) % possible.len().max(1)) else {
            break;
        };
        let Some(next) = protocol.next_state(&world, *action) else { continue };
        world = next;
        taken.push(*action);
        if let Some(broken) = safety.iter().find(|invariant| !protocol.judge(**invariant, &world)) {
            return (world, taken, Some(*broken));
        }
    }
    (world, taken, None)
}

/// The steps of a schedule, for people.
fn story(protocol: &Protocol, taken: &[Action]) -> String {
    let mut text = String::new();
    let mut world = protocol.initial();
    for (index, action) in taken.iter().enumerate() {
        let words = protocol.words(&world, *action);
        let _ = write!(text, "{:>4}. {} {}", index + 1, words.who, words.did);
        if let Some(answer) = words.answer {
            let _ = write!(text, " -> {answer}");
        }
        text.push('\n');
        match protocol.next_state(&world, *action) {
            Some(next) => world = next,
            None => break,
        }
    }
    text
}

fn protocol(design: Design, clocks: Clocks) -> Protocol {
    let safety = gapless_model::check::Task::applicable(clocks);
    let safety = safety.into_iter().filter(|invariant| *invariant != Invariant::P1).collect();
    Protocol::new(design, BOUNDS, clocks, safety)
}

fn survives(design: Design, clocks: Clocks, schedule: &[Choice]) -> Result<(), TestCaseError> {
    let protocol = protocol(design, clocks);
    let (world, taken, broken) = follow(&protocol, schedule);
    if let Some(invariant) = broken {
        let story = story(&protocol, &taken);
        return Err(TestCaseError::fail(format!("{invariant} is violated:\n{story}")));
    }
    // When faults stop, everything is delivered.
    if !protocol.drains(&world, 20_000) {
        let story = story(&protocol, &taken);
        return Err(TestCaseError::fail(format!("stuck after:\n{story}")));
    }
    Ok(())
}

fn sound_designs() -> impl Strategy<Value = Design> {
    let increments = prop::sample::select(vec![
        (Increment::Add, Producer::Named),
        (Increment::Add, Producer::Anonymous),
        (Increment::CompareAndSet, Producer::Named),
        (Increment::Transaction, Producer::Named),
        (Increment::None, Producer::Anonymous),
    ]);
    let triggers = prop::sample::select(vec![Trigger::Stream, Trigger::Queue, Trigger::Sweep]);
    let reads = prop::sample::select(vec![
        (Read::Consistent, Release::NextEmpty),
        (Read::Consistent, Release::Unconditional),
        (Read::EventualConfirmed, Release::NextEmpty),
        (Read::EventualConfirmed, Release::Unconditional),
        (Read::Consistent, Release::LookAgain),
        (Read::Consistent, Release::Wake),
    ]);
    let finishes = prop::sample::select(Finish::ALL);
    let expiries = prop::sample::select(vec![Expiry::WallClock, Expiry::Observer]);
    (increments, triggers, reads, finishes, expiries).prop_map(
        |((increment, producer), trigger, (read, release), finish, expiry)| Design {
            increment,
            producer,
            trigger,
            read,
            release,
            finish,
            expiry,
            ..Design::RECOMMENDED
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_recommended_design_survives_random_schedules(
        schedule in prop::collection::vec(choice(), 0..1500),
    ) {
        survives(Design::RECOMMENDED, Clocks::Timely, &schedule)?;
    }

    #[test]
    fn every_sound_design_survives_random_schedules(
        design in sound_designs(),
        unbounded in any::<bool>(),
        schedule in prop::collection::vec(choice(), 0..800),
    ) {
        let clocks = if unbounded { Clocks::Unbounded } else { Clocks::Timely };
        survives(design, clocks, &schedule)?;
    }
}

#[test]
fn long_schedules_deliver_all_fifty_six_events() {
    // A schedule without faults, long enough for everything: the walk itself gets there.
    let protocol = protocol(Design::RECOMMENDED, Clocks::Timely);
    let schedule: Vec<Choice> = (0..20_000_u32)
        .map(|index| Choice { step: (index.wrapping_mul(40_503) >> 7) as u16, fault: false })
        .collect();
    let (world, _, broken) = follow(&protocol, &schedule);
    assert_eq!(broken, None);
    assert_eq!(protocol.delivered(&world), [56, 56]);
}

#[test]
fn a_broken_design_is_found_and_shrunk_to_a_readable_schedule() {
    let design = Design { gap: Gap::Skip, ..Design::RECOMMENDED };
    let config = ProptestConfig { max_shrink_iters: 10_000, ..ProptestConfig::default() };
    let draws = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, draws);
    let schedules = prop::collection::vec(choice(), 0..1500);
    let protocol = protocol(design, Clocks::Timely);
    let found = runner.run(&schedules, |schedule| {
        let (_, taken, broken) = follow(&protocol, &schedule);
        prop_assert!(broken.is_none(), "{:?} is violated:\n{}", broken, story(&protocol, &taken));
        Ok(())
    });
    let Err(proptest::test_runner::TestError::Fail(reason, schedule)) = found else {
        panic!("a skipped gap should have been found: {found:?}");
    };
    assert!(schedule.len() < 200, "{} choices are left", schedule.len());
    assert!(reason.message().contains("delivers"), "{reason}");
}
