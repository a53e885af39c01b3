//! The budgets that are raised, and from which base.

use gapless_model::check::Bounds;
use gapless_model::design::{Design, Trigger};

/// Two producers of one event each, two workers, one group, one partition; no fault.
const CALM: Bounds = Bounds::DEFAULT.without_faults();
/// A crash and a lease that ends. Without them, most steps of a budget are too small to measure.
const BASE: Bounds = Bounds { crashes: 1, expiries: 1, ..CALM };

/// A budget that is raised.
pub struct Series {
    /// Its name on the command line of `gapless check`.
    pub budget: &'static str,
    /// What is different from the other series, if anything is.
    pub note: Option<&'static str>,
    /// The design.
    pub design: Design,
    /// The other bounds.
    base: Bounds,
}

const fn series(budget: &'static str) -> Series {
    Series { budget, note: None, design: Design::RECOMMENDED, base: BASE }
}

/// Every budget but `expected`, which is a switch: first the sizes, then the faults.
pub const SERIES: [Series; 21] = [
    series("producers"),
    series("events"),
    // A batch is no larger than a producer's input.
    Series {
        note: Some("2 events, no fault"),
        base: Bounds { events: 2, ..CALM },
        ..series("batch")
    },
    series("workers"),
    series("groups"),
    series("partitions"),
    series("skew"),
    // One fault of each kind, as with the bounds that are the default.
    Series {
        note: Some("at most 1 of each kind"),
        base: Bounds { faults: 0, ..Bounds::DEFAULT },
        ..series("faults")
    },
    series("crashes"),
    series("lost-replies"),
    series("late"),
    series("slow"),
    series("stale"),
    series("expiries"),
    series("clock-steps"),
    series("failures"),
    series("handovers"),
    series("twins"),
    series("long-inputs"),
    Series {
        note: Some("sweep-trigger"),
        design: Design { trigger: Trigger::Sweep, ..Design::RECOMMENDED },
        ..series("lost-triggers")
    },
    series("duplicate-triggers"),
];

impl Series {
    /// Returns the values of the budget from the least on, each with its bounds.
    pub fn steps(&self) -> impl Iterator<Item = (u8, Bounds)> {
        let budget = Bounds::ALL.iter().find(|bound| bound.name == self.budget);
        let budget = budget.expect("SERIES names bounds of the checker");
        budget
            .range
            .clone()
            .map(|value| {
                let mut bounds = self.base;
                (budget.set)(&mut bounds, value);
                // No cap but the budgets of the kinds, unless it is the cap that is raised.
                if self.budget != "faults" {
                    bounds.faults = Bounds::FAULTS.iter().map(|kind| (kind.get)(&bounds)).sum();
                }
                (value, bounds)
            })
            .filter(|(_, bounds)| bounds.validate().is_ok())
    }
}
