//! Every typed request, by name, to the call that it is.

use gapless_model::store::{Reply, Request};

use super::connection::Wire;
use crate::vocabulary::{Live, StoreError};

impl Wire {
    /// Sends one request. Dropping the future leaves its outcome unknown: every
    /// machine allows for its having been applied.
    ///
    /// # Errors
    /// [`StoreError`]; whether it is worth sending again is [`StoreError::is_transient`].
    pub async fn send(&self, request: &Request<Live>) -> Result<Reply<Live>, StoreError> {
        tracing::trace!(?request, "request");
        let reply = match request {
            Request::ReadHead { partition, name } => self.read_head(partition, name.as_ref()).await,
            Request::Raise(raise) => self.raise(raise).await,
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
            Request::Acquire { group, partition, owner, until, free } => {
                self.acquire(group, partition, owner, *until, free).await
            }
            Request::Renew { group, partition, fence, extend } => {
                self.renew(group, partition, *fence, extend).await
            }
            Request::Checkpoint { group, partition, to, fence, forward, extend } => {
                self.checkpoint(group, partition, *to, *fence, *forward, extend).await
            }
            Request::Release { group, partition, fence, guard } => {
                self.release(group, partition, *fence, *guard).await
            }
            Request::Wake { group, partition } => self.wake(group, partition).await,
        };
        tracing::trace!(?reply, "reply");
        reply
    }
}
