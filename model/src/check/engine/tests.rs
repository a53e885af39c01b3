//! The engine against the plain steps of the protocol.

use std::collections::BTreeSet;

use super::super::bounds::{Bounds, Clocks};
use super::super::protocol::Protocol;
use super::super::steps::Steps;
use super::super::task::Task;
use super::{Cache, Key, Scope, Space, reached};
use crate::design::{Design, NAMED};
use crate::invariant::Invariant;
use crate::mutant::Mutant;

/// Every fault once, one in all, and nothing else than what a test of a second bears.
const ONE: Bounds = Bounds { events: 1, faults: 1, ..Bounds::DEFAULT };

/// One fault in all, and each kind only where a test asks for it.
const CALM: Bounds = Bounds { faults: 1, ..Bounds::DEFAULT.without_faults() };

fn assert_same_successors(design: Design, bounds: Bounds, clocks: Clocks, which: Steps) {
    let protocol = Protocol::new(design, bounds, clocks, Task::applicable(clocks));
    for symmetric in [false, true] {
        assert_successors(
            &protocol,
            Scope { which, reduced: true, symmetric, passes: false },
            |_| true,
        );
    }
}

/// Compares the moves from each state that is reached and whose number `counts`.
fn assert_successors(protocol: &Protocol, scope: Scope, counts: impl Fn(usize) -> bool) {
    let space = Space::new(protocol);
    let Scope { which, symmetric, .. } = scope;
    let all = Scope { which: Steps::All, ..scope };
    let mut cache = Cache::default();
    let numbered = reached(&space, all).into_iter().enumerate();
    for (_, key) in numbered.filter(|(number, _)| counts(*number)) {
        let world = space.world(key);
        let ruined = protocol.is_ruined(&world);
        assert_eq!(space.is_ruined(key, &mut cache), ruined);
        let after = space.key(&world.after_faults(), symmetric, &mut cache);
        assert_eq!(space.key_after_faults(key, symmetric, &mut cache), after, "of {world:?}");
        if ruined {
            continue;
        }
        let mut remembered: Vec<Key> = Vec::new();
        space.successors(key, scope, &mut cache, &mut |next| remembered.extend(next.key));
        let mut plain = Vec::new();
        protocol.steps(&world, which, &mut |action| {
            let next = protocol.step(&world, action);
            plain.extend(next.and_then(|next| space.key(&next, symmetric, &mut cache)));
        });
        let (left, right): (BTreeSet<Key>, BTreeSet<Key>) =
            (remembered.iter().copied().collect(), plain.iter().copied().collect());
        let only = |these: &BTreeSet<Key>, others: &BTreeSet<Key>| {
            these.difference(others).map(|&key| space.world(key)).collect::<Vec<_>>()
        };
        assert!(
            left == right,
            "from {world:?}\n\nremembered only: {:#?}\n\nplain only: {:#?}",
            only(&left, &right),
            only(&right, &left),
        );
        assert_eq!(remembered.len(), plain.len(), "from {world:?}");
    }
}

/// Compares the moves of all named designs from one state in `every`, of each design from others.
fn assert_successors_of_all(every: usize) {
    for (index, known) in NAMED.iter().enumerate() {
        let applicable = Task::applicable(Clocks::Timely);
        let protocol = Protocol::new(known.design, ONE, Clocks::Timely, applicable);
        let scope = Scope { which: Steps::All, reduced: true, symmetric: false, passes: false };
        assert_successors(&protocol, scope, |number| number % every == index % every);
    }
}

#[test]
fn remembered_moves_lead_where_the_steps_lead() {
    assert_successors_of_all(4);
}

#[test]
#[ignore = "two minutes; the nightly workflow runs it"]
fn remembered_moves_lead_where_the_steps_lead_from_every_state() {
    assert_successors_of_all(1);
}

#[test]
fn remembered_moves_lead_there_under_unbounded_clocks_and_without_faults() {
    let recommended = Design::RECOMMENDED;
    assert_same_successors(recommended, ONE, Clocks::Unbounded, Steps::All);
    assert_same_successors(recommended, ONE, Clocks::Timely, Steps::FaultFree);
}

/// Moves are remembered whatever faults are left. A fault that never strikes is not exercised.
#[test]
fn steps_that_never_happen_are_not_exercised() {
    let bounds = Bounds { crashes: 1, ..CALM };
    let clocks = Clocks::Timely;
    let protocol = Protocol::new(Design::RECOMMENDED, bounds, clocks, Task::applicable(clocks));
    let space = Space::new(&protocol);
    let scope = Scope { which: Steps::All, reduced: true, symmetric: true, passes: false };
    assert!(!reached(&space, scope).is_empty());
    let marked: Vec<_> =
        protocol.coverage.marked().filter(|mark| mark.starts_with("fault")).collect();
    assert_eq!(
        marked,
        [
            "fault: a producer crashed",
            "fault: a worker crashed",
            "fault: a crash before the reply arrived",
            "fault: a producer restarted",
        ]
    );
}

#[test]
fn remembered_moves_lead_there_in_several_partitions_and_groups() {
    let recommended = Design::RECOMMENDED;
    let partitions = Bounds { partitions: 2, crashes: 1, late: 1, ..CALM };
    assert_same_successors(recommended, partitions, Clocks::Timely, Steps::All);
    let groups = Bounds { groups: 2, crashes: 1, late: 1, ..CALM };
    assert_same_successors(recommended, groups, Clocks::Timely, Steps::All);
}

#[test]
fn remembered_moves_lead_there_where_turns_in_several_seats_share_a_name() {
    // A crash ends the name of a turn that was dropped in the other seat.
    let bounds = Bounds { partitions: 2, faults: 2, crashes: 1, failures: 1, ..CALM };
    let clocks = Clocks::Timely;
    let mut protocol = Protocol::new(Design::RECOMMENDED, bounds, clocks, Task::applicable(clocks));
    protocol.mutant = Some(Mutant::OwnerPerWorker);
    assert_successors(
        &protocol,
        Scope { which: Steps::All, reduced: true, symmetric: false, passes: false },
        |_| true,
    );
}

/// From a state and from each that differs only in names, the same steps are explored: which
/// states are reached must not depend on which of them was met first.
fn assert_names_do_not_matter(design: Design, bounds: Bounds) {
    let protocol = Protocol::new(design, bounds, Clocks::Timely, Task::applicable(Clocks::Timely));
    let space = Space::new(&protocol);
    let scope = Scope { which: Steps::All, reduced: true, symmetric: true, passes: false };
    let mut cache = Cache::default();
    for key in reached(&space, scope) {
        let numbers = space.unpack(key);
        let mut followed: Option<BTreeSet<Key>> = None;
        for renaming in 0..space.renamings.len() {
            let renamed = match renaming {
                0 => numbers,
                _ => space.renamed(&numbers, renaming, &mut cache),
            };
            let renamed = space.key_of(renamed, false, &mut cache).expect("there is room");
            let mut next = Vec::new();
            let apart = Scope { symmetric: false, ..scope };
            space.successors(renamed, apart, &mut cache, &mut |found| next.extend(found.key));
            let merged = |key| space.key_of(space.unpack(key), true, &mut cache);
            let next: BTreeSet<Key> = next.into_iter().filter_map(merged).collect();
            let first = followed.get_or_insert_with(|| next.clone());
            assert_eq!(*first, next, "{:?}", space.world(renamed));
        }
    }
}

#[test]
fn the_steps_that_are_explored_do_not_depend_on_names() {
    assert_names_do_not_matter(Design::RECOMMENDED, ONE);
    assert_names_do_not_matter(Design::SEED, ONE);
    let again = Bounds { crashes: 1, events: 2, ..CALM };
    assert_names_do_not_matter(Design::RECOMMENDED, again);
    let expected = Bounds { expected: 1, ..ONE };
    assert_names_do_not_matter(Design::RECOMMENDED, expected);
    let partitions = Bounds { producers: 3, partitions: 2, crashes: 1, ..CALM };
    assert_names_do_not_matter(Design::RECOMMENDED, partitions);
    let groups = Bounds { groups: 2, crashes: 1, ..CALM };
    assert_names_do_not_matter(Design::RECOMMENDED, groups);
}

#[test]
fn the_largest_world_that_bounds_accept_has_room() {
    let mut largest = Bounds::LINEAGE;
    for bound in Bounds::ALL {
        (bound.set)(&mut largest, *bound.range.end());
    }
    for bounds in [
        Bounds { partitions: 1, ..largest },
        Bounds { splits: 0, merges: 0, resplits: 0, resets: 0, ..largest },
    ] {
        bounds.validate().expect("they are accepted");
        let protocol =
            Protocol::new(Design::RECOMMENDED, bounds, Clocks::Timely, vec![Invariant::D1]);
        let space = Space::new(&protocol);
        let mut cache = Cache::default();
        let key = space.key(&protocol.initial(), false, &mut cache).expect("it has room");
        assert_eq!(space.world(key), protocol.initial());
    }
}
