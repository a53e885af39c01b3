//! One turn on one partition, for a caller that knows which: a function that was invoked for it.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, pending, select};
use gapless_model::PartitionId;
use gapless_model::consume::Outcome;

use super::end::WorkerError;
use super::handler::Handler;
use super::stop::Stop;
use super::turn::{Crowd, TurnEnd};
use super::work::WorkerSetting;

/// What came of one turn, as [`Worker::take_turn`](super::Worker::take_turn) returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnReport {
    /// How many events its handler finished.
    pub events: u64,
    /// How it ended.
    pub outcome: TurnOutcome,
}

/// How a turn ended without an error, and what that means for whatever made the caller take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnOutcome {
    /// Nothing is left that was acknowledged before the turn began. A message that caused it can be
    /// deleted.
    CaughtUp,
    /// Another worker has the lease, or left it behind. It may be about to end its turn, or may have
    /// died: let the message come back, not before a lease can have ended.
    Busy,
    /// The lease ended in the middle, or another worker took it. Let the message come back.
    Lost,
    /// It was asked to stop, the deadline came, or its clock was set back, and there may be more: let
    /// the message come back at once.
    GivenBack,
}

/// Takes one turn, which ends early if the worker is asked to stop, or its deadline comes.
pub(super) async fn take_turn<H: Handler>(
    setting: &WorkerSetting<H>,
    partition: &PartitionId,
) -> Result<TurnReport, WorkerError> {
    let shared = &setting.stream.0;
    let id = setting.checked_id()?;
    shared.check_partition(partition)?;
    let is_over = setting.deadline.is_some_and(|deadline| shared.clock.now() >= deadline);
    if is_over || setting.stop.is_requested() {
        return Ok(TurnReport { events: 0, outcome: TurnOutcome::GivenBack });
    }
    let (crowd, stop) = (Arc::new(Crowd::none()), Stop::new());
    let turn = setting.take_turn(id, partition.clone(), crowd, stop.clone());
    let asked = async {
        let deadline = shared.clock.sleep_until_any(setting.deadline);
        select(pin!(setting.stop.wait()), pin!(deadline)).await;
        stop.request();
        pending::<()>().await;
    };
    match select(pin!(turn), pin!(asked)).await {
        Either::Left(((_, ended), _)) => report(setting, partition, ended),
        Either::Right(((), _)) => Ok(TurnReport { events: 0, outcome: TurnOutcome::GivenBack }),
    }
}

fn report<H>(
    setting: &WorkerSetting<H>,
    partition: &PartitionId,
    ended: TurnEnd,
) -> Result<TurnReport, WorkerError> {
    let outcome = match ended.outcome? {
        Outcome::CaughtUp => TurnOutcome::CaughtUp,
        // What comes before the partition is another's to finish, so there is nothing to do now.
        Outcome::Busy | Outcome::Blocked => TurnOutcome::Busy,
        Outcome::Lost => TurnOutcome::Lost,
        Outcome::GivenBack | Outcome::HandedOver => TurnOutcome::GivenBack,
    };
    if let (TurnOutcome::CaughtUp, Some(trigger)) = (outcome, &setting.trigger) {
        trigger.finish(partition);
    }
    Ok(TurnReport { events: ended.delivered, outcome })
}
