//! The judges: one a file, each named by the invariants that it judges. They see true time,
//! every call that reaches the engine, and every delivery that a handler gets.

mod activity;
mod all;
mod caught_up;
mod chronicle;
mod deliveries;
mod evidence;
mod expectations;
mod fences;
mod histories;
mod inputs;
mod judgement;
mod leases;
mod machines;
mod missed;
mod order;
mod pace;
mod progress;
mod reached;
mod reader;
mod readings;
mod reads;
mod receipts;
#[cfg(test)]
mod redeliveries;
mod redelivery;
mod refinement;
mod replies;
mod sight;
mod slots;
mod state;
mod stuck;
mod turns;
mod words;

pub(crate) use activity::Activity;
pub(crate) use all::Judge;
pub(crate) use chronicle::Chronicle;
pub(crate) use deliveries::Deliveries;
pub(crate) use evidence::{AppliedCall, ObservedDelivery};
pub(crate) use expectations::Expectations;
pub(crate) use fences::Fences;
pub(crate) use histories::Told;
pub(crate) use inputs::Inputs;
pub use judgement::{Breach, Violation};
pub(crate) use judgement::{Doubt, Finding, Judgement};
pub(crate) use leases::Leases;
pub(crate) use machines::Machines;
pub(crate) use order::Order;
pub(crate) use pace::{Overrun, Step, StepCounts};
pub(crate) use readings::{Readable, Readings, Session};
pub(crate) use refinement::Refinement;
pub(crate) use slots::SlotContents;
pub(crate) use state::explain;
pub(crate) use turns::Turns;
pub(crate) use words::seconds;
