//! The engine against the plain steps of the protocol.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use super::super::bounds::{Bounds, Clocks};
use super::super::protocol::Protocol;
use super::super::steps::Steps;
use super::super::task::Task;
use super::{Cache, Explored, Key, Limits, Scope, Space, Tally, explore};
use crate::design::{Design, NAMED};

/// Every fault once, one in all, and nothing else than what a test of a second bears.
const ONE: Bounds = Bounds { events: 1, faults: 1, ..Bounds::DEFAULT };

/// One fault in all, and each kind only where a test asks for it.
const CALM: Bounds = Bounds { faults: 1, ..Bounds::DEFAULT.without_faults() };

fn assert_same_successors(design: Design, bounds: Bounds, clocks: Clocks, which: Steps) {
    let protocol = Protocol::new(design, bounds, clocks, Task::applicable(clocks));
    let space = Space::new(&protocol);
    let scope = Scope { which, reduced: true, symmetric: false };
    let all = Scope { which: Steps::All, ..scope };
    let limits = Limits { threads: NonZeroUsize::MIN, scope: all };
    let tally = Tally::default();
    let explored = explore(&space, limits, &tally, Explored::begin(&space, all, &tally), None);
    let mut cache = Cache::default();
    for key in explored.visited.keys() {
        let world = space.world(key);
        let ruined = protocol.is_ruined(&world);
        assert_eq!(space.is_ruined(key, &mut cache), ruined);
        if ruined {
            continue;
        }
        let mut remembered: Vec<Key> = Vec::new();
        space.successors(key, scope, &mut cache, &mut |next| remembered.extend(next.key));
        let mut plain = Vec::new();
        protocol.steps(&world, which, &mut |action| {
            let next = protocol.step(&world, action);
            plain.extend(next.and_then(|next| space.key(&next, false, &mut cache)));
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

#[test]
fn remembered_moves_lead_where_the_steps_lead() {
    for known in NAMED {
        assert_same_successors(known.design, ONE, Clocks::Timely, Steps::All);
    }
}

#[test]
fn remembered_moves_lead_there_under_unbounded_clocks_and_without_faults() {
    let recommended = Design::RECOMMENDED;
    assert_same_successors(recommended, ONE, Clocks::Unbounded, Steps::All);
    assert_same_successors(recommended, ONE, Clocks::Timely, Steps::FaultFree);
}

#[test]
fn remembered_moves_lead_there_in_several_partitions_and_groups() {
    let recommended = Design::RECOMMENDED;
    let partitions = Bounds { partitions: 2, crashes: 1, late: 1, ..CALM };
    assert_same_successors(recommended, partitions, Clocks::Timely, Steps::All);
    let groups = Bounds { groups: 2, crashes: 1, late: 1, ..CALM };
    assert_same_successors(recommended, groups, Clocks::Timely, Steps::All);
}
