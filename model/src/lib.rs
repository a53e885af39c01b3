//! The protocols of gapless as pure state machines.
//!
//! This crate reads no clock, draws no random numbers, awaits nothing and knows
//! nothing of AWS. A machine is a value with two doors: `wants`, a pure function
//! of its state, and `tell`, the only mutation. The same machines are model-checked
//! (module `check`, behind the feature of that name), simulated, and shipped.

pub mod append;
#[cfg(feature = "check")]
pub mod check;
pub mod consume;
pub mod design;
mod ids;
mod invariant;
pub mod log;
mod rules;
pub mod store;
mod vocabulary;

pub use ids::{Epoch, HASH_BITS, NoPartition, Number, PartitionId, Seq};
pub use invariant::Invariant;
pub use rules::Rules;
pub use vocabulary::{Batch, Id, Page, Seen, SpanOf, Time, Vocabulary};
