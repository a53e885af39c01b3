//! Why a named producer cannot go on.

use gapless_model::{Number, PartitionId};

use super::single::AppendError;
use crate::vocabulary::{ProducerName, StoreError};

/// Why a named producer cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProducerError {
    /// An append failed, or the claim of a partition. If the error is transient, call the
    /// same method again: the producer goes on with the same append.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The stream's design has no named producers. Append without a name, or choose another
    /// design.
    #[error(
        "the stream's design has no named producers: it keeps no record beside the head, so a \
         rerun would append everything again"
    )]
    Anonymous,
    /// The input is not in order. The event was not taken.
    #[error("event {number} comes after event {last}: a producer's numbers only grow, from 1")]
    Order {
        /// The event's number.
        number: Number,
        /// The number of the event before.
        last: Number,
    },
    /// The input is not the one that earlier runs of this name had. Nothing more is
    /// appended there; choose another name, or the same input.
    #[error(
        "an earlier run appended up to event {number} of its input to {partition}, and this input \
         has no such event there: it is another input, or `{name}` is another producer's name"
    )]
    OtherInput {
        /// The producer's name.
        name: ProducerName,
        /// The last event that an earlier run took a slot for.
        number: Number,
        /// The partition.
        partition: PartitionId,
    },
}

impl From<StoreError> for ProducerError {
    fn from(error: StoreError) -> ProducerError {
        ProducerError::Append(error.into())
    }
}
