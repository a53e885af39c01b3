//! The decision log of a process: each request before it is sent, and what came of it.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use gapless_model::store::{Reply, Request};
use serde::{Deserialize, Serialize};

use super::veil::{veiled_reply, veiled_request};
use super::{Asked, Decision, Observer};
use crate::vocabulary::{Live, Timestamp};

/// A line of a decision log, after its header.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogLine<'a> {
    /// A request is about to be sent. If no other line has the same call, its sender was dropped or
    /// died.
    Asked {
        /// The number of the call in this log.
        call: u64,
        /// When, by the process's clock.
        at: Timestamp,
        /// The sender; see [`Decision::who`].
        who: Cow<'a, str>,
        /// The request.
        request: Cow<'a, Request<Live>>,
    },
    /// The store has answered.
    Heard {
        /// The number of the call.
        call: u64,
        /// When, by the process's clock.
        at: Timestamp,
        /// The answer.
        reply: Cow<'a, Reply<Live>>,
    },
    /// No answer came, or an error.
    Failed {
        /// The number of the call.
        call: u64,
        /// When, by the process's clock.
        at: Timestamp,
        /// Whether the request may have been applied, or be applied later.
        unknown: bool,
        /// The error.
        why: String,
    },
}

/// Writes decisions as NDJSON: a header, then a line before each request and one after it.
///
/// In place of an event's key and data it writes their MD5, as data without a key: enough to tell one
/// event from another. A reader of the log who has a list of likely events can find which it was.
/// Names, tokens and partitions are written as they are; where each key has its own partition, the
/// partition's id has the key in it.
///
/// `gapless validate` looks whether the logs of several processes fit together.
///
/// A line that cannot be written is reported as a warning in the log, and lost; the
/// stream goes on.
pub struct DecisionLog<W> {
    to: Mutex<W>,
    payloads: bool,
}

impl<W> fmt::Debug for DecisionLog<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecisionLog")
    }
}

impl<W: Write + Send> DecisionLog<W> {
    /// Creates a log with digests in place of events, and writes its header to `to`.
    ///
    /// Each line is one call of `write_all`, so that a reader never sees half of one.
    /// Nothing is flushed: give it a writer that flushes lines by itself, or else the last lines
    /// before a crash are missing. Another run can add its log to the same file, header included.
    ///
    /// # Errors
    /// Returns the writer's error if the header cannot be written.
    pub fn new(to: W) -> std::io::Result<Self> {
        DecisionLog::begin(to, false)
    }

    /// Creates a log with the keys and the data of events, which can be secret.
    ///
    /// # Errors
    /// As [`DecisionLog::new`].
    pub fn with_payloads(to: W) -> std::io::Result<Self> {
        DecisionLog::begin(to, true)
    }

    fn begin(mut to: W, payloads: bool) -> std::io::Result<Self> {
        let (format, version) = (gapless_model::log::FORMAT, gapless_model::log::CALLS_VERSION);
        writeln!(
            to,
            r#"{{"format":"{format}","version":{version},"source":"production","payloads":{payloads}}}"#
        )?;
        Ok(DecisionLog { to: Mutex::new(to), payloads })
    }

    fn write(&self, line: &LogLine<'_>) {
        let written =
            serde_json::to_vec(line).map_err(std::io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                self.to.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
            });
        if let Err(error) = written {
            tracing::warn!(%error, "a line of the decision log could not be written");
        }
    }
}

impl<W: Write + Send> Observer for DecisionLog<W> {
    fn on_request(&self, asked: &Asked<'_>) {
        let Asked { call, sent_at, who, request } = *asked;
        let request = match self.payloads {
            true => Cow::Borrowed(request),
            false => veiled_request(request),
        };
        self.write(&LogLine::Asked { call, at: sent_at, who: who.into(), request });
    }

    fn on_decision(&self, decision: &Decision<'_>) {
        let Decision { call, answered_at: at, answer, .. } = *decision;
        self.write(&match answer {
            Ok(reply) => {
                let reply = match self.payloads {
                    true => Cow::Borrowed(reply),
                    false => veiled_reply(reply),
                };
                LogLine::Heard { call, at, reply }
            }
            Err(error) => {
                let unknown = error.may_have_been_applied();
                LogLine::Failed { call, at, unknown, why: error.to_string() }
            }
        });
    }
}
