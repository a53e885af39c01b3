//! Counterexamples in words: what went wrong, the state that shows it, and, where nothing
//! more can help (P1), why.
//!
//! Everything here is computed from the path and from the state at its end, for whatever
//! design and bounds; where a cause cannot be narrowed, the words say less.

mod deliveries;
mod explanation;
mod glossary;
mod leases;
mod outlook;
mod path;
mod phrase;
mod progress;
mod slots;
mod state;
mod text;
mod told;

pub use glossary::glossary;
pub use text::story;
pub use told::Told;

pub(super) use path::Path;
