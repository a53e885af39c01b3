//! The tests of the protocols, their checker and its explanations. One binary: each costs a link.

mod ablation;
mod append;
mod checkpoints;
mod common;
mod consume;
mod dialogue;
mod disk;
mod explanations;
mod finishing;
mod history;
mod invariants;
mod lineage;
mod outcome;
mod random_histories;
mod random_schedules;
mod reduction;
mod resets;
mod scenarios;
mod searching;
mod seek;
mod specification;
mod store;
mod traces;
mod verdicts;
mod wording;
mod words;
