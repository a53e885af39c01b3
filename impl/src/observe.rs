//! The decision log: requests with their answers, and everything that a machine is told.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;

use gapless_model::PartitionId;
use gapless_model::append::Append;
use gapless_model::consume::{Consume, News};
use gapless_model::store::{Reply, Request};
use serde::Serialize;

use crate::vocabulary::{Group, Live, Owner, StoreError, Timestamp, Token};

/// One request, and what the store answered.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Decision<'a> {
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
}

/// What a machine is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// An append is told the store's answer to the request that it wants.
    Answer(&'a Reply<Live>),
    /// An append is told that its trigger was sent.
    Notified,
    /// A turn is told news, at a time of its worker's clock.
    News(Timestamp, &'a News<Live>),
}

/// Sees the requests of appends, turns, readers, audits and releases with their answers, and
/// everything that the machines are told.
///
/// It does not see a worker's sweeps, the pages that it reads ahead (a machine is told them as a
/// reply), the note of a handler's failure, [`Stream::status`](crate::Stream::status), or how a
/// stream is created and opened.
///
/// The methods are called in the order in which things happen, on the thread that drives
/// the append or the turn. They must not block.
///
/// Together they let a production trace be replayed in the model: a copy of each machine
/// that is told the same must want every request of that machine that
/// [`Observer::on_decision`] shows.
pub trait Observer: fmt::Debug + Send + Sync {
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

/// Writes decisions as NDJSON: a header, then a line for each decision.
///
/// A line that cannot be written is reported as a warning in the log, and lost; the
/// stream goes on.
pub struct DecisionLog<W>(Mutex<W>);

impl<W> fmt::Debug for DecisionLog<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecisionLog")
    }
}

/// A decision as a line of the log.
#[derive(Serialize)]
struct LoggedDecision<'a> {
    at: Timestamp,
    heard_at: Timestamp,
    who: &'a str,
    request: &'a Request<Live>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<&'a Reply<Live>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

impl<W: Write + Send> DecisionLog<W> {
    /// Creates a log, and writes its header to `to`.
    ///
    /// Each line is one call of `write_all`, so that a reader never sees half of one.
    /// Nothing is flushed: give it a writer that flushes lines by itself.
    ///
    /// # Errors
    /// Returns the writer's error if the header cannot be written.
    pub fn new(mut to: W) -> std::io::Result<Self> {
        let (format, version) = (gapless_model::log::FORMAT, gapless_model::log::VERSION);
        writeln!(to, r#"{{"format":"{format}","version":{version},"source":"production"}}"#)?;
        Ok(DecisionLog(Mutex::new(to)))
    }
}

impl<W: Write + Send> Observer for DecisionLog<W> {
    fn on_decision(&self, decision: &Decision<'_>) {
        let Decision { sent_at, answered_at, who, request, answer } = *decision;
        let (reply, fault) = match answer {
            Ok(reply) => (Some(reply), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let line =
            LoggedDecision { at: sent_at, heard_at: answered_at, who, request, reply, fault };
        let mut to = match self.0.lock() {
            Ok(to) => to,
            Err(poisoned) => poisoned.into_inner(),
        };
        let written =
            serde_json::to_vec(&line).map_err(std::io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                to.write_all(&line)
            });
        if let Err(error) = written {
            tracing::warn!(%error, "a line of the decision log could not be written");
        }
    }
}
