//! Counterexamples in words: what went wrong, the state that shows it, and, where nothing
//! more can help (P1), why.
//!
//! Everything here is computed from the path and from the state at its end, for whatever
//! design and bounds; where a cause cannot be narrowed, the words say less.

mod cause;
mod cycle;
mod deliveries;
mod explanation;
mod glossary;
mod graph;
mod leases;
mod lineage;
mod names;
mod outlook;
mod path;
mod phrase;
mod place;
mod progress;
mod scene;
mod slots;
mod state;
mod text;
mod time;
mod told;
mod why;

pub use glossary::glossary;
pub use text::story;
pub use told::Told;

pub(super) use path::Path;
