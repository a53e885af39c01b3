//! The cluster of one run: its nodes, the network and the store between them, and the
//! record of everything that happens.

mod addresses;
mod ambush;
mod attempt;
mod bend;
mod client;
mod clock;
mod connector;
mod dynamo;
mod functions;
mod gate;
mod handler;
mod history;
mod injector;
mod invocation;
mod loading;
mod message;
mod named;
mod operator;
mod pace;
mod process;
mod producer;
mod queue;
mod reader;
mod recorder;
mod refusals;
mod replica;
mod reset;
mod reshape;
mod scripted;
mod shared;
mod stepped;
mod store;
mod stream;
mod subscribers;
mod watcher;
mod worker;

pub(crate) use addresses::{address, service_addresses};
pub(crate) use client::client;
pub(crate) use gate::{Flight, Grant, Wanted};
pub(crate) use operator::{audit, audit_at_last, create, open_otherwise};
pub(crate) use pace::Progress;
pub(crate) use process::paced;
pub use recorder::Entry;
pub(crate) use recorder::Recorder;
pub(crate) use reset::{Reset, reset};
pub(crate) use reshape::{Change, reshape};
pub(crate) use shared::Cluster;
pub(crate) use store::Store;
// What each node runs, and runs again after a crash.
pub(crate) use dynamo::serve as run_dynamo;
pub(crate) use producer::run as run_producer;
pub(crate) use queue::serve as run_queue;
pub(crate) use reader::run as run_reader;
pub(crate) use worker::run as run_worker;
