//! Consuming: a worker finds partitions that have work, and takes a turn on each.

mod agenda;
mod beside;
mod end;
mod handler;
mod stop;
mod sweep;
mod turn;
mod work;
mod worker;

pub use end::{Summary, WorkerError};
pub use handler::{Delivery, Fence, Handler, HandlerError};
pub use stop::Stop;
pub use worker::Worker;
