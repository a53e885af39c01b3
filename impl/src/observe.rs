//! The decision log: every request and what became of it, for whoever wants to watch;
//! and everything that a machine is told, for whoever wants to hold it against the model.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;

use gapless_model::PartitionId;
use gapless_model::append::Append;
use gapless_model::consume::{Consume, News};
use gapless_model::store::{Reply, Request};
use serde::Serialize;

use crate::vocabulary::{Group, Live, Owner, StoreError, Timestamp, Token};

/// Who asked for what, and what the store answered.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// When it was asked.
    pub sent_at: Timestamp,
    /// When the answer was heard.
    pub answered_at: Timestamp,
    /// Who asked: a worker's run, a producer, an append's token.
    pub who: &'a str,
    /// What was asked.
    pub request: &'a Request<Live>,
    /// What was answered.
    pub answer: &'a Result<Reply<Live>, StoreError>,
}

/// A machine at work, and its whole state at that moment.
#[derive(Clone, Copy, Debug)]
pub enum Machine<'a> {
    /// An append.
    Append {
        /// Its token.
        token: &'a Token,
        /// Its state.
        machine: &'a Append<Live>,
    },
    /// A worker's turn on a partition.
    Turn {
        /// The worker's run.
        owner: &'a Owner,
        /// For which group.
        group: &'a Group,
        /// The partition.
        partition: &'a PartitionId,
        /// Its state.
        machine: &'a Consume<Live>,
    },
}

/// What a machine is told.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// An append hears the store's answer to what it wants.
    Answer(&'a Reply<Live>),
    /// An append hears that its trigger was sent.
    Notified,
    /// A turn hears something, at a time by its worker's clock.
    News(Timestamp, &'a News<Live>),
}

/// Sees every decision, in the order in which answers are heard. It must not block.
///
/// What machines are told is shown as well: a copy of the machine that is told the
/// same must want every request that [`Observer::on_decision`] shows. So a production
/// trace can be held against the model.
pub trait Observer: fmt::Debug + Send + Sync {
    /// An answer was heard, or given up on.
    fn on_decision(&self, decision: &Decision<'_>);

    /// A machine begins its work, or goes on with it after its driver was dropped.
    fn on_start(&self, machine: Machine<'_>) {
        let _ = machine;
    }

    /// A machine, as it is now, will be told this next.
    fn on_tell(&self, machine: Machine<'_>, told: Told<'_>) {
        let _ = (machine, told);
    }
}

/// Writes decisions as NDJSON: after a header, a line for each.
pub struct DecisionLog<W>(Mutex<W>);

impl<W> fmt::Debug for DecisionLog<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecisionLog")
    }
}

/// A line of the log.
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
    /// Begins a log with its header.
    ///
    /// # Errors
    /// If the header cannot be written.
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
        // One write for a line, so that a reader never sees half of one.
        let written =
            serde_json::to_vec(&line).map_err(std::io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                to.write_all(&line)
            });
        if let Err(error) = written {
            tracing::warn!(%error, "the decision log cannot be written");
        }
    }
}
