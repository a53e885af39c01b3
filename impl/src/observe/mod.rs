//! The decision log: requests with their answers, and everything that a machine is told.

mod decision_log;
mod veil;

use std::fmt;

use gapless_model::PartitionId;
use gapless_model::append::Append;
use gapless_model::consume::{Consume, News, Seek};
use gapless_model::store::{Reply, Request};

pub use self::decision_log::{DecisionLog, LogLine};
use crate::vocabulary::{Group, Live, Owner, StoreError, Timestamp, Token};

/// One request, before it is sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The number of the call in this process.
    pub call: u64,
    /// When it is sent, by the sender's clock.
    pub sent_at: Timestamp,
    /// The sender; see [`Decision::who`].
    pub who: &'a str,
    /// The request.
    pub request: &'a Request<Live>,
}

/// One request, and what the store answered.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// The number of the call in this process, as in [`Asked`].
    pub call: u64,
    /// When the request was sent, by the sender's clock.
    pub sent_at: Timestamp,
    /// When its answer arrived, or was given up on.
    pub answered_at: Timestamp,
    /// The sender: a worker's turn, a producer's name, an append's token, or an operation without a
    /// machine, such as `audit`.
    pub who: &'a str,
    /// The request.
    pub request: &'a Request<Live>,
    /// The answer. [`StoreError::Unknown`] stands for none.
    pub answer: &'a Result<Reply<Live>, StoreError>,
}

/// A machine, with its whole state at this moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Machine<'a> {
    /// The machine of an append.
    Append {
        /// The append's token.
        token: &'a Token,
        /// The state.
        machine: &'a Append<Live>,
    },
    /// The machine of a worker's turn on a partition.
    Turn {
        /// The turn's name, which begins with the worker's.
        owner: &'a Owner,
        /// The group.
        group: &'a Group,
        /// The partition.
        partition: &'a PartitionId,
        /// The state.
        machine: &'a Consume<Live>,
    },
    /// The machine by which an operator moves a group's checkpoint.
    Seek {
        /// The name under which it takes leases.
        owner: &'a Owner,
        /// The state.
        machine: &'a Seek<Live>,
    },
}

/// What a machine is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// An append or a seek is told the store's answer to the request that it wants.
    Answer(&'a Reply<Live>),
    /// An append is told that its trigger was sent.
    Notified,
    /// A turn is told news, at a time of its worker's clock.
    News(Timestamp, &'a News<Live>),
}

/// Sees the requests of appends, turns, seeks, readers, audits and releases with their answers, and
/// everything that the machines are told.
///
/// It does not see a worker's sweeps, the pages that it reads ahead (a machine is told them as a
/// reply), the note of a handler's failure, [`Stream::status`](crate::Stream::status), how a
/// stream is created and opened, or how a group is begun ([`Stream::begin_at`](crate::Stream::begin_at)).
///
/// The methods are called in the order in which things happen, on the thread that drives
/// the append or the turn. They must not block.
///
/// Together they let a production trace be replayed in the model: a copy of each machine
/// that is told the same must want every request of that machine that
/// [`Observer::on_decision`] shows.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Called before a request is sent. If its sender is dropped or dies before the answer, no
    /// decision follows, and the request may have been applied all the same.
    fn on_request(&self, asked: &Asked<'_>) {
        let _ = asked;
    }

    /// Called when a request was answered, or its answer was given up on.
    fn on_decision(&self, decision: &Decision<'_>);

    /// Called when a machine starts, or goes on after its driver was dropped.
    fn on_start(&self, machine: Machine<'_>) {
        let _ = machine;
    }

    /// Called just before `machine` is told `told`.
    fn on_tell(&self, machine: Machine<'_>, told: Told<'_>) {
        let _ = (machine, told);
    }
}
