//! The tests of the adapter, on the embedded engine. One binary: each costs a link.

#![cfg(feature = "embedded")]

mod audit;
mod costs;
mod designs;
mod embedded;
mod faults;
mod futures;
mod groups;
mod identities;
mod key_leases;
mod lineage;
mod lineage_named;
mod lineage_operating;
mod lineage_reading;
mod names;
mod observing;
mod sealing;
mod seeking;
#[cfg(feature = "table-stream")]
mod shards;
mod stale_heads;
mod streams;
#[cfg(feature = "table-stream")]
mod table_stream;
mod tables;
mod turns;
