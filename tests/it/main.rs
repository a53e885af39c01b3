//! The tests that span crates, and those of the command. One binary: each costs a link.

mod check;
mod checkpoints;
mod commands;
#[cfg(madsim)]
mod conformance;
mod endpoint;
mod explore;
mod golden;
mod lineage;
mod outputs;
mod pipes;
mod processes;
mod scaling;
mod seek;
#[cfg(madsim)]
mod simulation;
mod validate;
