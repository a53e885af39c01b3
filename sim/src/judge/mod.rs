//! The judges: one a file, each named by the invariants that it judges. They see true time,
//! every call that reaches the engine, and every delivery that a handler gets.

mod activity;
mod all;
mod deliveries;
mod evidence;
mod judgement;
mod leases;
mod machines;
mod order;
mod progress;
mod refinement;
mod slots;

pub(crate) use activity::Activity;
pub(crate) use all::Judge;
pub(crate) use deliveries::Deliveries;
pub(crate) use evidence::{AppliedCall, ObservedDelivery};
pub(crate) use judgement::Judgement;
pub use judgement::{Breach, Violation};
pub(crate) use leases::Leases;
pub(crate) use machines::Machines;
pub(crate) use order::Order;
pub(crate) use refinement::Refinement;
pub(crate) use slots::SlotContents;
