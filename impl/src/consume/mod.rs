//! Consuming: a worker finds partitions that have work, and takes a turn on each.

mod agenda;
mod handler;
mod stop;
mod sweep;
mod turn;
mod worker;

pub use handler::{Delivery, Fence, Handler, HandlerError};
pub use stop::Stop;
pub use worker::{Summary, Worker, WorkerError};
