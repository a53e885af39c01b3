//! A lease on any key, for work that at most one process should do.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gapless_model::consume::Outcome;
use gapless_model::{Epoch, PartitionId};

use super::end::WorkerError;
use super::handler::{Delivery, Handler, HandlerError};
use super::stop::Stop;
use super::turn::{Crowd, Pages, Retries, Turn, TurnSetting};
use crate::stream::{Layout, Stream};
use crate::vocabulary::{Group, Owner, StoreError, WorkerId, lock};
use crate::wire::{KEY_LEASE, check_key_lease};

/// A lease on a key, as [`Stream::lease`] names it.
///
/// It is a turn of the same machine as a worker's, on a partition without events: what is promised of a
/// worker's lease is promised of this one.
#[derive(Clone, Debug)]
pub struct KeyLease {
    stream: Stream,
    group: Group,
    partition: PartitionId,
}

/// What became of work that needs a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Held<T> {
    /// It was done under the lease, and the lease is given up, or ends by itself if it could not be.
    Done(T),
    /// Another caller has the lease, or left it behind and it has not ended yet. Nothing was begun.
    Busy,
    /// The lease was lost on the way: it could not be renewed in time, or another caller has it. Either the
    /// work had been done by then, perhaps not under the lease, or it was dropped where it awaited.
    Lost(Option<T>),
}

impl Stream {
    /// Names the lease on a key, such as `stream.lease("jobs", "nightly-report")`. The set keeps leases of
    /// one purpose apart from those of another; neither has to do with the stream's groups, keys and
    /// events.
    #[must_use]
    pub fn lease(&self, set: &str, key: &str) -> KeyLease {
        let group = Group::from(format!("{KEY_LEASE}{set}"));
        KeyLease { stream: self.clone(), group, partition: Layout::EachKey.route(key) }
    }
}

impl KeyLease {
    /// Takes the lease, does the work, and gives the lease up.
    ///
    /// While the work goes on, the lease is renewed after each third of it ([`Config::lease`]). At most
    /// one caller is at work while clocks keep their bound on skew. Where that is not enough, hand the
    /// epoch on to whatever the work changes: it only grows, so what remembers the highest one and refuses
    /// lower ones is safe from a caller that lost its lease and does not know it yet. The work must not
    /// block its thread, or the lease ends.
    ///
    /// It costs two write units, and one for each renewal; or one if the lease is taken. Nothing is waited
    /// for, unless the design's workers watch leases: call it again after [`Held::Busy`]. Dropping the future drops the work, and the lease ends by
    /// itself.
    ///
    /// ```
    /// # async fn example(stream: gapless::Stream) -> Result<(), gapless::StoreError> {
    /// use gapless::{Epoch, Held};
    ///
    /// let report = stream.lease("jobs", "nightly-report");
    /// match report.hold(|epoch: Epoch| async move { format!("written under {epoch}") }).await? {
    ///     Held::Done(text) => println!("{text}"),
    ///     _ => println!("another process is at it"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`StoreError`] if the store refused or did not answer for as long as patience lasts, before
    /// the work was done, or if the names are too long. Work that had begun was dropped.
    ///
    /// [`Config::lease`]: crate::Config::lease
    pub async fn hold<W, F, T>(&self, work: W) -> Result<Held<T>, StoreError>
    where
        W: FnOnce(Epoch) -> F + Send,
        F: Future<Output = T> + Send,
        T: Send,
    {
        check_key_lease(&self.group, &self.partition)?;
        // L1: a name of its own for each time that it is taken.
        let owner = Owner::of(&WorkerId::fresh("lease")?, 1);
        let once =
            Once { work: Mutex::new(Some(work)), result: Mutex::new(None), stop: Stop::new() };
        let crowd = Crowd::none();
        let setting = TurnSetting {
            shared: &self.stream.0,
            group: &self.group,
            partition: &self.partition,
            owner: &owner,
            handler: &once,
            retries: Retries { most: 1, first: Duration::ZERO, limit: None },
            stop: &once.stop,
            crowd: &crowd,
            pages: Pages::MadeUp,
        };
        let ended = Turn::new(setting, Vec::new()).run().await;
        let has_begun = once.work.into_inner().unwrap_or_else(PoisonError::into_inner).is_none();
        let result = once.result.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (ended.outcome, result) {
            // Another has it, or it could not begin: the answer came too late, or the clock was set back.
            (Ok(_), None) if !has_begun => Ok(Held::Busy),
            (Ok(Outcome::CaughtUp | Outcome::GivenBack | Outcome::HandedOver), Some(result)) => {
                Ok(Held::Done(result))
            }
            // It was done under the lease, which ends by itself now.
            (Err(error), Some(result)) => {
                tracing::warn!(%owner, %error, "a lease could not be released");
                Ok(Held::Done(result))
            }
            (Err(WorkerError::Store(error)), None) => Err(error),
            (Ok(_) | Err(WorkerError::Handler { .. }), result) => Ok(Held::Lost(result)),
        }
    }
}

/// Work that is done once.
struct Once<W, T> {
    work: Mutex<Option<W>>,
    result: Mutex<Option<T>>,
    /// Asks the turn to end with this delivery.
    stop: Stop,
}

impl<W, F, T> Handler for Once<W, T>
where
    W: FnOnce(Epoch) -> F + Send,
    F: Future<Output = T> + Send,
    T: Send,
{
    async fn handle(&self, delivery: Delivery) -> Result<(), HandlerError> {
        self.stop.request();
        let work = lock(&self.work).take();
        if let Some(work) = work {
            let result = work(delivery.fence().epoch).await;
            *lock(&self.result) = Some(result);
        }
        Ok(())
    }
}
