//! The world of one run: its processes, its network, its store, and everything that is seen of it.

mod addresses;
mod bend;
mod book;
mod call;
mod client;
mod clock;
mod connector;
mod dynamo;
mod handler;
mod history;
mod injector;
mod invocation;
mod operator;
mod producer;
mod queue;
mod shared;
mod store;
mod stream;
mod watcher;
mod worker;

pub(crate) use addresses::{address, places};
pub use book::Entry;
pub(crate) use client::client;
pub(crate) use operator::{audit, create};
pub(crate) use shared::World;
pub(crate) use store::Store;
// What each node runs, again after each crash.
pub(crate) use dynamo::serve as run_dynamo;
pub(crate) use producer::run as run_producer;
pub(crate) use queue::serve as run_queue;
pub(crate) use worker::run as run_worker;
