//! Releasing the leases that a worker left behind.

use gapless_model::store::{Guard, Request};

use crate::stream::Stream;
use crate::vocabulary::{Group, StoreError, WorkerId};

impl Stream {
    /// Releases every lease that an ended worker's turns still hold for a group.
    ///
    /// A worker that stops in an orderly way releases its leases itself. One that stops because
    /// its handler failed keeps them until they end, so that the next worker does not fail on the
    /// same events at once. This is for a caller who knows that the events were not the cause.
    ///
    /// All its runs must have ended: [`Worker::run`](crate::Worker::run) has returned or was dropped,
    /// or its process is gone. Otherwise its handler stays at work beside the next worker's until it
    /// notices.
    ///
    /// It costs what [`Stream::standings`] costs, and one write unit for each lease. A release
    /// without an answer is sent again, for as long as the stream's patience allows. Dropping the
    /// future leaves the leases that were not released yet to end by themselves.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the leases cannot be read or released. A lease that cannot be read
    /// keeps no other from being released.
    pub async fn release_leases(&self, group: &Group, worker: &WorkerId) -> Result<(), StoreError> {
        let mut standings = self.0.patiently(|| self.0.wire.standings(group)).await?;
        for (partition, standing) in std::mem::take(&mut standings.read) {
            let lease = standing.lease;
            if lease.active && lease.owner.worker().as_ref() == Some(worker) {
                // L1: fenced by the epoch, so a lease that another worker took meanwhile stays.
                let (group, fence) = (group.clone(), Some(lease.epoch));
                let (to, guard) = (None, Guard::None);
                let release = Request::Release { group, partition, to, fence, guard };
                self.0.send_until_answered("release", &release).await?;
            }
        }
        standings.whole().map(drop)
    }
}
