//! The tests of the simulation. One binary: each costs a link.

mod checkers;
mod corpus;
mod determinism;
mod swarm;
