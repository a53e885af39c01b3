//! The tests of the simulation. One binary: each costs a link.

mod corpus;
mod counterexamples;
mod determinism;
mod judges;
mod step_by_step;
mod swarm;
