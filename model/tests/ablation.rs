//! The ablation table: each named design breaks what it is declared to break, and nothing else.
//!
//! Two faults are enough to tell every design apart; `gapless check --all` does
//! the same with three.

mod common;

use std::collections::BTreeSet;

use common::{broken, task};
use gapless_model::Invariant;
use gapless_model::check::Bounds;
use gapless_model::design::{AXES, Axis, Design, NAMED};

#[test]
fn every_named_design_has_its_declared_verdict() {
    for known in NAMED {
        let bounds = Bounds { faults: 2, ..Bounds::DEFAULT };
        let declared: BTreeSet<Invariant> = known.breaks.iter().copied().collect();
        assert_eq!(broken(&task(known.design, bounds)), declared, "{}", known.name);
    }
}

#[test]
fn every_mechanism_is_turned_back_alone_by_some_named_design() {
    // Or together with the one that it needs: no counter leaves no place for a record.
    let differs =
        |axis: &Axis, design: &Design| axis.of(design).name != axis.of(&Design::RECOMMENDED).name;
    for axis in AXES {
        let alone = NAMED.iter().any(|known| {
            let others = AXES.iter().filter(|other| other.name != axis.name);
            differs(axis, &known.design) && !others.into_iter().any(|o| differs(o, &known.design))
        });
        let changeable = axis.values.len() > 1;
        assert!(alone || !changeable, "no named design turns back `{}` alone", axis.name);
    }
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<_> = NAMED.iter().map(|known| known.name).collect();
    assert_eq!(names.len(), NAMED.len());
}
