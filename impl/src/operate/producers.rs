//! The records of named producers.

use gapless_model::store::Record;
use gapless_model::{Epoch, Number, PartitionId, Seq};
use serde::Serialize;

use crate::stream::Stream;
use crate::vocabulary::{ProducerName, StoreError};

/// The record of a named producer in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProducerStatus {
    /// The producer's name.
    pub name: ProducerName,
    /// The partition.
    pub partition: PartitionId,
    /// How many runs have claimed the partition.
    pub epoch: Epoch,
    /// The last event of its input that was given a slot there, in its own count.
    pub number: Number,
    /// That slot; zero if there is none yet.
    pub slot: Seq,
}

impl ProducerStatus {
    fn new(name: ProducerName, partition: PartitionId, record: Record) -> ProducerStatus {
        let Record { epoch, number, slot, .. } = record;
        ProducerStatus { name, partition, epoch, number, slot }
    }
}

impl Stream {
    /// Reads the records of all named producers, partition by partition and in the order of names.
    ///
    /// It reads every partition's item, a read unit for each 4 KB. Dropping the future changes
    /// nothing.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient.
    pub async fn producers(&self) -> Result<Vec<ProducerStatus>, StoreError> {
        let mut producers = Vec::new();
        for partition in self.partitions().await? {
            let records = self.0.patiently(|| self.0.wire.records(&partition)).await?;
            let status = |(name, record)| ProducerStatus::new(name, partition.clone(), record);
            producers.extend(records.into_iter().map(status));
        }
        Ok(producers)
    }
}
