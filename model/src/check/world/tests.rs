//! The normal form against the states that it stands for.

use std::collections::{HashMap, HashSet, VecDeque};

use super::super::action::Action;
use super::super::bounds::{Bounds, Clocks};
use super::super::lineage;
use super::super::protocol::Protocol;
use super::super::small::{Small, Tick};
use super::super::steps::Steps;
use super::super::task::Task;
use super::{Flight, World};
use crate::design::{Acquire, Design, LINEAGE, NAMED, Named, Producer, Release, Trigger};
use crate::store::{Free, Request};

/// Enough of everything that a walk of some dozens of steps meets it.
const BUSY: Bounds = Bounds {
    events: 2,
    workers: 3,
    faults: 6,
    slow: 3,
    late: 2,
    lost_replies: 1,
    expiries: 2,
    clock_steps: 1,
    handovers: 2,
    duplicate_triggers: 3,
    ..Bounds::DEFAULT
};

/// How many steps a walk takes at most.
const STEPS: usize = 90;

/// Draws numbers, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % most
    }
}

/// The normal forms of all that can come next.
fn next_forms(protocol: &Protocol, world: &World) -> HashSet<World> {
    let mut next = HashSet::new();
    protocol.all_steps(world, Steps::All, &mut |action| {
        let next_world = protocol.raw_step(world, action).map(|world| protocol.normal(&world));
        next.extend(next_world.map(|world| blurred(world, -i16::from(protocol.bounds.skew))));
    });
    next
}

/// The state with every acquire under way that is as old as the earliest end of a lease that is told
/// apart asked for then: see `Frame::threshold`.
fn blurred(mut world: World, earliest: i16) -> World {
    let blur = |request: &mut Request<Small>| {
        if let Request::Acquire { free: Free::EndedBy(time), .. } = request {
            *time = Tick(time.0.max(earliest));
        }
    };
    let turns = world.workers.iter_mut().filter_map(|worker| worker.turn.as_mut());
    for flight in turns.filter_map(|turn| turn.flight.as_deref_mut()) {
        if let Flight::Sent(request) = flight {
            blur(request);
        }
    }
    world.network.0.iter_mut().for_each(|late| blur(&mut late.request));
    world.network.sort();
    world
}

/// What can happen next in a state is what can happen from its normal form.
fn assert_same_future(protocol: &Protocol, world: &World, name: &str) {
    let own = next_forms(protocol, world);
    let normal = next_forms(protocol, &protocol.normal(world));
    assert!(
        own == normal,
        "{name}: {world:#?}\n\nonly from the state: {:#?}\n\nonly from its normal form: {:#?}",
        own.difference(&normal).collect::<Vec<_>>(),
        normal.difference(&own).collect::<Vec<_>>(),
    );
}

/// Walks through states that are never brought into their normal form.
fn walk(protocol: &Protocol, draw: &mut Draw, name: &str) {
    let mut world = protocol.untouched();
    for _ in 0..STEPS {
        assert_same_future(protocol, &world, name);
        let mut possible = Vec::new();
        protocol.all_steps(&world, Steps::All, &mut |action| possible.push(action));
        if possible.is_empty() || protocol.is_ruined(&world) {
            return;
        }
        let action = possible[draw.below(possible.len())];
        match protocol.raw_step(&world, action) {
            Some(next) => world = next,
            None => return,
        }
    }
}

#[test]
fn a_state_and_its_normal_form_have_the_same_future() {
    let mut draw = Draw(7);
    // Who reads that there is no lease sets epoch 1 outright, whatever epoch the lease has by then.
    // Either way that write violates L1, and no state is followed further.
    let conditional = |known: &&Named| known.design.acquire == Acquire::Conditional;
    for known in NAMED.iter().filter(conditional) {
        for clocks in [Clocks::Timely, Clocks::Unbounded] {
            let protocol = Protocol::new(known.design, BUSY, clocks, Task::applicable(clocks));
            let protocol = protocol.unreduced();
            for _ in 0..30 {
                walk(&protocol, &mut draw, known.name);
            }
        }
    }
}

/// How many states with the same normal form are looked at.
const ALIKE: u8 = 3;

/// Every state within the bounds, several of each normal form where there are, has the same future
/// as its normal form.
fn search(protocol: &Protocol, name: &str) {
    let first = protocol.untouched();
    let mut known = HashMap::from([(protocol.normal(&first), 1)]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        assert_same_future(protocol, &world, name);
        protocol.all_steps(&world, Steps::All, &mut |action| {
            let Some(next) = protocol.raw_step(&world, action) else { return };
            let normal = protocol.normal(&next);
            if protocol.is_ruined(&normal) {
                return;
            }
            let alike = known.entry(normal).or_insert(0);
            if *alike < ALIKE {
                *alike += 1;
                open.push(next);
            }
        });
    }
}

/// What an answer under way says, what the turn that waits for it knows and what the lease has may be
/// three different epochs or wake counters.
#[test]
fn epochs_and_wake_counters_that_were_passed_are_not_one() {
    let slow = Bounds {
        producers: 1,
        events: 1,
        faults: 4,
        slow: 1,
        lost_replies: 1,
        duplicate_triggers: 2,
        ..Bounds::DEFAULT.without_faults()
    };
    for release in [Release::Wake, Release::Unconditional] {
        let design = Design { release, trigger: Trigger::Sweep, ..Design::RECOMMENDED };
        let clocks = Clocks::Timely;
        let protocol = Protocol::new(design, slow, clocks, Task::applicable(clocks)).unreduced();
        search(&protocol, release.name());
    }
}

/// An owner that is paused past the end of its lease asks for one that ends in the past.
#[test]
fn leases_that_are_asked_for_in_the_past_end_in_the_past() {
    let bounds = Bounds {
        producers: 1,
        events: 1,
        faults: 3,
        expiries: 3,
        slow: 1,
        ..Bounds::DEFAULT.without_faults()
    };
    let clocks = Clocks::Unbounded;
    let protocol = Protocol::new(Design::RECOMMENDED, bounds, clocks, Task::applicable(clocks));
    search(&protocol.unreduced(), "recommended");
}

/// The state after an action with all that a producer leaves behind, in the normal form but for that.
fn next_with_all(protocol: &Protocol, world: &World, action: Action) -> Option<World> {
    let mut next = protocol.normal_but_network(&protocol.raw_step(world, action)?);
    next.drop_dead_letters();
    Some(next)
}

/// What a producer leaves behind is forgotten before a step or after it: that makes no difference.
/// Returns how many states have anything to forget, of the first so many that are met.
fn assert_nothing_asks_for_it(design: Design, bounds: Bounds, most: usize) -> usize {
    let protocol = Protocol::new(
        design,
        bounds,
        Clocks::Timely,
        Task::applicable_within(&bounds, Clocks::Timely),
    );
    let forgotten = |world: &World| {
        let mut world = world.clone();
        world.forget_done(lineage::ROOT);
        world
    };
    let listed = |world: &World| {
        let mut actions = Vec::new();
        protocol.all_steps(world, Steps::All, &mut |action| actions.push(action));
        actions
    };
    let first = protocol.normal_but_network(&protocol.untouched());
    let mut known = HashSet::from([first.clone()]);
    let (mut queue, mut differ) = (VecDeque::from([first]), 0);
    while let Some(world) = queue.pop_front().filter(|_| known.len() < most) {
        let without = forgotten(&world);
        differ += usize::from(world != without);
        assert_eq!(listed(&world), listed(&without), "{world:?}");
        assert_eq!(protocol.finished(&world), protocol.finished(&without), "{world:?}");
        assert_eq!(protocol.is_ruined(&world), protocol.is_ruined(&without), "{world:?}");
        for action in listed(&world) {
            let next = next_with_all(&protocol, &world, action);
            let expected = next.as_ref().map(&forgotten);
            assert_eq!(protocol.step(&without, action), expected, "{action:?} from {world:?}");
            if let Some(next) = next.filter(|next| !protocol.is_ruined(next))
                && known.insert(next.clone())
            {
                queue.push_back(next);
            }
        }
    }
    differ
}

#[test]
fn nothing_asks_for_what_a_producer_that_is_done_leaves_behind() {
    let rivals = Bounds { keys: 1, crashes: 1, late: 1, lost_replies: 1, ..Bounds::FAMILY };
    let twins = Bounds { producers: 1, twins: 1, late: 1, faults: 2, ..rivals };
    let expecting = Bounds { expected: 1, ..rivals };
    for design in LINEAGE.iter().map(|known| known.design).chain([Design::RECOMMENDED]) {
        for bounds in [rivals, twins, expecting] {
            assert!(
                assert_nothing_asks_for_it(design, bounds, 6_000) > 100,
                "{design}, {bounds:?}"
            );
        }
    }
    let anonymous = Design { producer: Producer::Anonymous, ..Design::RECOMMENDED };
    assert!(assert_nothing_asks_for_it(anonymous, expecting, 20_000) > 100);
}
