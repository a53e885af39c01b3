//! Results for people and for machines.

pub mod diagram;
pub mod json;
pub mod junit;
#[cfg(madsim)]
pub mod mutants;
#[cfg(madsim)]
pub mod run_text;
#[cfg(madsim)]
pub mod simulation;
pub mod steps;
pub mod story;
pub mod svg;
pub mod table;
