//! The graph in which states that differ only in names are one, against the one in which they
//! are not.

use std::collections::BTreeMap;

use super::super::bounds::{Bounds, Clocks};
use super::super::engine::{Cache, Scope, Space, reached};
use super::super::steps::Steps;
use super::super::task::{Task, protocol};
use super::{Components, Fate, Kind, Outlooks, Own};
use crate::design::{Design, NAMED};
use crate::mutant::Mutant;

/// Compares what becomes of every state that is reached. Returns how many there are of each fate.
fn compare(task: &Task) -> BTreeMap<String, usize> {
    let searched = protocol(task, task.bounds, task.checked.clone());
    let space = Space::new(&searched);
    let scope = Scope { which: Steps::All, reduced: false, symmetric: false };
    let reached = reached(&space, scope);
    let mut caches = [Cache::default(), Cache::default()];
    let mut of = |symmetric| {
        let from = &mut std::iter::once(reached.clone());
        Outlooks::of(&space, symmetric, from, &mut caches, &|| false).expect("there is room")
    };
    let (merged, apart) = (of(true), of(false));
    assert!(merged.len() < apart.len());
    assert_eq!(merged.worst(), apart.worst());
    let mut cache = Cache::default();
    assert_same_components(&merged, &apart, &mut cache);
    let mut fates = BTreeMap::new();
    for key in reached {
        let [merged, apart] = [&merged, &apart].map(|outlooks| outlooks.fate(key, &mut cache));
        assert_eq!(merged, apart, "{}: {:?}", task.name, space.world(key));
        *fates.entry(format!("{apart:?}")).or_default() += 1;
    }
    fates
}

/// Where a component is looked at under its own names, it is one of those that are apart.
fn assert_same_components(merged: &Outlooks<'_>, apart: &Outlooks<'_>, cache: &mut Cache) {
    let [ours, theirs] = [merged, apart].map(|outlooks| Components::of(&outlooks.graph));
    for component in 0..ours.len() {
        let states = ours.members(component);
        if states.iter().any(|&state| merged.graph.kinds[state as usize] == Kind::Goal) {
            continue;
        }
        let start = merged.graph.key(states[0]);
        let size = match merged.circles(&ours, component) {
            Some(_) => 1,
            None => {
                let graph = (&merged.graph, &ours);
                let own = Own::from(merged.space, graph, true, start, cache, &|| false);
                own.expect("there is room").keys.len()
            }
        };
        let number = apart.graph.number_of(start).expect("it was reached under all names");
        assert_eq!(size, theirs.members(theirs.of[number as usize] as usize).len());
    }
}

fn task(name: &str, design: Design) -> Task {
    let bounds = Bounds { faults: 1, events: 1, twins: 0, ..Bounds::DEFAULT };
    Task::new(name, design, bounds, Clocks::Timely)
}

/// Of one named design in four; of the others at night.
#[test]
fn names_do_not_matter_to_what_becomes_of_a_state() {
    for known in NAMED.iter().step_by(4) {
        compare(&task(known.name, known.design));
    }
}

#[test]
#[ignore = "a minute; the nightly workflow runs it"]
fn names_do_not_matter_in_any_named_design() {
    for known in NAMED {
        compare(&task(known.name, known.design));
    }
}

#[test]
fn names_do_not_matter_to_a_circle() {
    let mutant = Some(Mutant::GivesUpAtGaps);
    let fates = compare(&Task { mutant, ..task("gives-up-at-gaps", Design::RECOMMENDED) });
    let met = |fate: Fate| fates.contains_key(&format!("{fate:?}"));
    assert!(met(Fate::Circles) && met(Fate::Evaded) && met(Fate::Certain), "{fates:?}");
}

#[test]
fn names_do_not_matter_where_groups_are_alike() {
    let mut two = task("two groups", Design::RECOMMENDED);
    two.bounds = Bounds { groups: 2, faults: 1, crashes: 1, late: 0, expiries: 0, ..two.bounds };
    let calm = Bounds { stale: 0, clock_steps: 0, failures: 0, handovers: 0, ..two.bounds };
    compare(&Task { bounds: Bounds { duplicate_triggers: 0, lost_replies: 0, ..calm }, ..two });
}
