//! The tests of the simulation. One binary: each costs a link.

mod corpus;
mod determinism;
mod judges;
mod swarm;
