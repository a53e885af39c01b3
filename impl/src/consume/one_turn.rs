//! One turn on one partition, for a caller that knows which: a function that was invoked for it.

use std::collections::BTreeSet;
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

/// Takes one turn, which ends early if the worker is asked to stop, or its deadline comes. Where what comes
/// before the partition is not drained, it takes one there first.
pub(super) async fn take_turn<H: Handler>(
    setting: &WorkerSetting<H>,
    partition: &PartitionId,
) -> Result<TurnReport, WorkerError> {
    let shared = &setting.stream.0;
    setting.checked_id()?;
    shared.check_partition(partition)?;
    let mut events = 0;
    let mut path = vec![partition.clone()];
    let mut driven = BTreeSet::new();
    while let Some(next) = path.last() {
        let Some(ended) = turn(setting, next).await? else {
            return Ok(TurnReport { events, outcome: TurnOutcome::GivenBack });
        };
        events += ended.delivered;
        let blocking = ended.leads_to.first().cloned();
        let outcome = outcome(ended)?;
        match (outcome, blocking) {
            // P1: a parent to which nothing is appended any more may have no message of its own. One that was
            // driven once, and blocks again, has a lease that is held, or a slot that is not settled.
            (TurnOutcome::Busy, Some(parent)) if driven.insert(parent.clone()) => path.push(parent),
            (TurnOutcome::CaughtUp, _) if path.len() > 1 => drop(path.pop()),
            (outcome, _) => return Ok(report(setting, partition, &path, events, outcome)),
        }
    }
    Ok(TurnReport { events, outcome: TurnOutcome::Busy })
}

/// One turn; `None` if the worker was asked to stop, or its deadline came, before it began.
async fn turn<H: Handler>(
    setting: &WorkerSetting<H>,
    partition: &PartitionId,
) -> Result<Option<TurnEnd>, WorkerError> {
    let shared = &setting.stream.0;
    let id = setting.checked_id()?;
    let is_over = setting.deadline.is_some_and(|deadline| shared.clock.now() >= deadline);
    if is_over || setting.stop.is_requested() {
        return Ok(None);
    }
    if shared.parents(partition).await?.is_none() {
        return Err(shared.no_partition(partition).into());
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
        Either::Left(((_, ended), _)) => Ok(Some(ended)),
        Either::Right(((), _)) => Ok(None),
    }
}

fn outcome(ended: TurnEnd) -> Result<TurnOutcome, WorkerError> {
    Ok(match ended.outcome? {
        Outcome::CaughtUp => TurnOutcome::CaughtUp,
        Outcome::Busy | Outcome::Blocked => TurnOutcome::Busy,
        Outcome::Lost => TurnOutcome::Lost,
        Outcome::GivenBack | Outcome::HandedOver => TurnOutcome::GivenBack,
    })
}

/// What is reported of the partition that was asked for, when the last turn was on the end of this path.
fn report<H>(
    setting: &WorkerSetting<H>,
    partition: &PartitionId,
    path: &[PartitionId],
    events: u64,
    outcome: TurnOutcome,
) -> TurnReport {
    if let (TurnOutcome::CaughtUp, Some(trigger), [_]) = (outcome, &setting.trigger, path) {
        trigger.finish(partition);
    }
    TurnReport { events, outcome }
}
