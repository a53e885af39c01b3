//! The named designs that differ in how partitions split and merge, each with its declared verdict.

use super::axes::{Design, Merging, Parents, Records, SealedTail, Splitting, Undrained};
use super::named::Named;
use crate::invariant::Invariant;

const R: Design = Design::RECOMMENDED;

/// The recommended design with one mechanism of the lineage disabled or replaced.
pub const LINEAGE: &[Named] = &[
    Named {
        name: "create-then-seal",
        about: "a split creates the children, then seals: meanwhile a key has two partitions",
        design: Design { split: Splitting::CreateThenSeal, ..R },
        breaks: &[Invariant::S2, Invariant::P1, Invariant::P2],
    },
    Named {
        name: "seal-then-create",
        about: "a split seals, then creates the children: if it dies, a key has no partition",
        design: Design { split: Splitting::SealThenCreate, ..R },
        breaks: &[Invariant::P2],
    },
    Named {
        name: "merge-by-intent",
        about: "a merge seals one parent after another: if it dies, two partitions cover a key",
        design: Design { merge: Merging::Intent, ..R },
        breaks: &[Invariant::P1, Invariant::P2],
    },
    Named {
        name: "parents-unasked",
        about: "a worker begins a partition without asking for its parents",
        design: Design { parents: Parents::Nothing, ..R },
        breaks: &[Invariant::D4],
    },
    Named {
        name: "parents-unbegun",
        about: "a worker asks the parents' checkpoints alone: nothing of nothing looks finished",
        design: Design { parents: Parents::Checkpoints, ..R },
        breaks: &[Invariant::D4],
    },
    Named {
        name: "all-ancestors",
        about: "a worker asks all ancestors for their checkpoints: more reads, and nothing else",
        design: Design { parents: Parents::Ancestors, ..R },
        breaks: &[],
    },
    Named {
        name: "sealed-tail-left",
        about: "the empty end of a sealed partition is left alone: a dead writer strands the children",
        design: Design { sealed_tail: SealedTail::Leave, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "parents-undriven",
        about: "a trigger that comes before the parents are drained is dropped",
        design: Design { undrained: Undrained::Drop, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "child-comes-back",
        about: "a trigger that comes before the parents are drained comes back, for ever",
        design: Design { undrained: Undrained::GiveBack, ..R },
        breaks: &[Invariant::P1],
    },
    Named {
        name: "records-of-the-leaf",
        about: "a producer that starts again asks the last partition alone what it has appended",
        design: Design { records: Records::Leaf, ..R },
        breaks: &[Invariant::S2],
    },
];
