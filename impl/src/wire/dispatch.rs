//! From each typed request to the call that sends it.

use gapless_model::store::{Reply, Request};

use super::connection::Wire;
use crate::vocabulary::{Live, StoreError};

impl Wire {
    /// Sends one request, once; the SDK may retry it by itself.
    ///
    /// A request is one call of DynamoDB's API. A write of one item costs a write unit for
    /// each KB, a transaction twice that for each of its items, a consistent read a read
    /// unit for each 4 KB. A write whose condition fails costs as much.
    ///
    /// Dropping the future leaves the outcome unknown. Every machine allows for the
    /// request's having been applied.
    ///
    /// # Errors
    /// Returns [`StoreError`]. [`StoreError::is_transient`] says whether the same request
    /// can be sent again.
    pub async fn send(&self, request: &Request<Live>) -> Result<Reply<Live>, StoreError> {
        tracing::trace!(?request, "request");
        let reply = match request {
            Request::ReadHead { partition, name } => self.read_head(partition, name.as_ref()).await,
            Request::Raise(raise) => self.raise(raise).await,
            Request::Create { partition } => self.create(partition).await,
            Request::Seal { partition, children } => self.seal(partition, children).await,
            Request::Merge { parents, child } => self.merge(parents, child).await,
            Request::Claim { partition, name, seen } => self.claim(partition, name, *seen).await,
            Request::ReadTail { partition } => self.read_tail(partition).await,
            Request::ReadSlot { partition, slot } => self.read_slot(partition, *slot).await,
            Request::Write(write) => self.write(write).await,
            Request::Void { partition, slot } => self.void(partition, *slot).await,
            Request::RaiseAndWrite { raise, write } => self.raise_and_write(raise, write).await,
            Request::ReadEvents { partition, after, consistent } => {
                self.read_events(partition, *after, *consistent).await
            }
            Request::ReadLease { group, partition } => self.read_lease(group, partition).await,
            Request::SetLease { group, partition, owner, epoch, until } => {
                self.set_lease(group, partition, owner, *epoch, *until).await
            }
            Request::Acquire { group, partition, owner, until, free, entry } => {
                self.acquire(group, partition, owner, *until, free, *entry).await
            }
            Request::Renew { group, partition, fence, extend } => {
                self.renew(group, partition, *fence, extend).await
            }
            Request::Checkpoint { group, partition, to, fence, forward, extend } => {
                self.checkpoint(group, partition, *to, *fence, *forward, extend).await
            }
            Request::Release { group, partition, to, fence, guard } => {
                self.release(group, partition, *to, *fence, *guard).await
            }
            Request::Wake { group, partition } => self.wake(group, partition).await,
        };
        tracing::trace!(?reply, "reply");
        reply
    }
}
