//! How far partitions go.

use gapless_model::design::Increment;
use gapless_model::store::{Reply, Request};
use gapless_model::{PartitionId, Seq};

use super::requests::Shared;
use crate::vocabulary::StoreError;
use crate::wire::{Consistency, Listing};

impl Shared {
    /// The last slot of each partition that may hold something: the head, unless the partition has no
    /// item; or in a design without a counter the tail.
    pub(crate) async fn last_slots(
        &self,
        partitions: &[PartitionId],
        reads: Consistency,
    ) -> Result<Listing<Seq>, StoreError> {
        match self.rules.design.increment {
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
                self.wire.heads(partitions, reads).await
            }
            Increment::None => {
                let mut tails = Listing::default();
                for partition in partitions {
                    let request = Request::ReadTail { partition: partition.clone() };
                    let tail = match self.wire.send(&request).await {
                        Ok(Reply::Tail(tail)) => Ok(tail),
                        // The wire answers a read of the tail with the tail or an error.
                        Ok(_) => Ok(Seq::ZERO),
                        Err(error @ StoreError::Malformed { .. }) => Err(error),
                        Err(error) => return Err(error),
                    };
                    tails.add(Ok(partition.clone()), tail);
                }
                Ok(tails)
            }
        }
    }
}
