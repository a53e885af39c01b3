//! The graph in which states that differ only in names are one, against the one in which they
//! are not.

use std::collections::BTreeMap;

use super::super::bounds::{Bounds, Clocks};
use super::super::engine::{Cache, Key, Scope, Space, reached};
use super::super::steps::Steps;
use super::super::task::{Task, protocol};
use super::{Components, Fate, Kind, Outlooks, Own};
use crate::design::{Design, LINEAGE, NAMED};
use crate::mutant::Mutant;

/// Compares what becomes of every state that is reached. Returns how many there are of each fate.
fn compare(task: &Task) -> BTreeMap<String, usize> {
    let searched = protocol(task, task.bounds, task.checked.clone());
    let space = Space::new(&searched);
    let scope = Scope { which: Steps::All, reduced: false, symmetric: false, passes: false };
    let reached = reached(&space, scope);
    let mut caches = [Cache::default(), Cache::default()];
    let mut of = |symmetric| {
        let from = &mut std::iter::once(reached.clone());
        Outlooks::of(&space, symmetric, false, from, &mut caches, &|| false).expect("there is room")
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
                let own = Own::from(merged.space, graph, merged.scope, start, cache, &|| false);
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

/// Compares the graph in which states are passed through with the one that has them all. Returns how
/// many states there are of each fate.
fn compare_passing(design: Design, bounds: Bounds) -> BTreeMap<String, usize> {
    let task = Task::new("passing", design, bounds, Clocks::Timely);
    let searched = protocol(&task, task.bounds, task.checked.clone());
    let space = Space::new(&searched);
    let scope = Scope { which: Steps::All, reduced: true, symmetric: true, passes: true };
    let (all, kept) = (Scope { passes: false, ..scope }, reached(&space, scope));
    let met = reached(&space, all);
    assert!(kept.len() < met.len());
    let mut caches = [Cache::default(), Cache::default()];
    let mut of = |from: &Vec<Key>, passes| {
        let from = &mut std::iter::once(from.clone());
        Outlooks::of(&space, true, passes, from, &mut caches, &|| false).expect("there is room")
    };
    let (passing, whole, full) = (of(&kept, true), of(&kept, false), of(&met, false));
    assert!(passing.len() < whole.len());
    assert_eq!(passing.worst(), whole.worst(), "{design}");
    let (mut cache, mut fates) = (Cache::default(), BTreeMap::new());
    for key in met {
        let after = space.key_after_faults(key, true, &mut cache).expect("there is room");
        let fate = whole.fate(key, &mut cache);
        // The states that a search passed through are in the whole graph all the same.
        assert_eq!(fate, full.fate(key, &mut cache), "{design}: {:?}", space.world(key));
        if passing.graph.number_of(after).is_some() {
            assert_eq!(passing.fate(key, &mut cache), fate, "{design}: {:?}", space.world(key));
            *fates.entry(format!("{fate:?}")).or_default() += 1;
        }
    }
    fates
}

#[test]
fn states_that_are_passed_through_do_not_matter_to_what_becomes_of_the_others() {
    let one = Bounds { producers: 1, resplits: 1, ..Bounds::FAMILY };
    let two = Bounds { workers: 2, merges: 0, resplits: 0, skew: 0, ..one };
    let again = Bounds { events: 2, merges: 0, resplits: 0, ..one };
    let mut met = BTreeMap::new();
    for design in LINEAGE.iter().map(|known| known.design).chain([Design::RECOMMENDED]) {
        for bounds in [one, two, again] {
            met.append(&mut compare_passing(design, bounds));
        }
    }
    let all = ["Certain", "Circles", "Evaded", "Lost"];
    assert_eq!(met.keys().map(String::as_str).collect::<Vec<_>>(), all);
}
