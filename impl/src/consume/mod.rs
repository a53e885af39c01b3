//! Consuming: a worker finds partitions that have work, and takes a turn on each.

mod agenda;
mod aside;
mod beside;
mod end;
mod handler;
mod key_lease;
mod one_turn;
mod queue;
mod share;
mod stop;
mod sweep;
mod turn;
mod work;
mod worker;

pub use aside::AfterFailure;
pub use end::{RunEnd, Summary, WorkerError};
pub use handler::{Delivery, Fence, Handler, HandlerError, Permanent};
pub use key_lease::{Held, KeyLease};
pub use one_turn::{TurnOutcome, TurnReport};
pub use stop::Stop;
pub use worker::Worker;
