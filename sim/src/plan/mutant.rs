//! The mutants: defects planted into the traffic between adapter and engine, one at a
//! time, to see whether the checks notice them. What each does is in `cluster/bend.rs`.

use serde::{Deserialize, Serialize};

/// A defect in the traffic between adapter and engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutant {
    /// Slots are written without a condition.
    BlindWrites,
    /// Voids are written without a condition.
    BlindVoids,
    /// A lease is taken whatever state it is in.
    LeaseTakenAnyway,
    /// A lease is taken before it has ended.
    LeaseTakenEarly,
    /// An acquire does not raise the epoch.
    EpochStandsStill,
    /// A checkpoint is not conditional on the epoch.
    CheckpointUnfenced,
    /// A checkpoint may move back.
    CheckpointBackwards,
    /// A checkpoint is moved one slot too far.
    CheckpointAhead,
    /// A checkpoint is reported as written but is not.
    CheckpointForgotten,
    /// A renewal is not conditional on the epoch.
    RenewalUnfenced,
    /// A renewal revives a lease that was released.
    RenewalRevives,
    /// A late renewal shortens the lease.
    RenewalShortens,
    /// A release is not conditional on the epoch.
    ReleaseUnfenced,
    /// A release is reported as written but is not: the lease stays held without a holder.
    ReleaseForgotten,
    /// A lease is reported as taken but is not: the table knows no owner, the worker believes
    /// itself to be it.
    AcquireForgotten,
    /// The end of a lease is written in seconds and read as milliseconds.
    ExpiryInSeconds,
    /// Every increment hands out the same number.
    HeadStandsStill,
    /// Every increment is applied twice.
    IncrementTwice,
    /// An increment is not conditional on the record that its producer saw.
    RecordUnguarded,
    /// A producer's record is not kept.
    RecordForgotten,
    /// Reads of events are never consistent.
    StaleReads,
    /// The recovery read of a slot reports it as empty.
    StaleRecovery,
    /// A page omits the first slot that holds events, if another slot follows.
    EventHidden,
    /// A page omits voids.
    VoidsHidden,
    /// A write whose outcome is unknown is reported as done.
    UnknownAsDone,
    /// A write that was refused is reported as done.
    RefusalAsDone,
    /// Every writer finds its own token in a slot that is taken.
    TokenReused,
    /// A transaction's second half is omitted.
    TransactionHalved,
    /// The last item of a batch read is omitted without being reported as unprocessed.
    UnprocessedDropped,
    /// The events of two slots of a page are swapped.
    EventsSwapped,
    /// Each odd number and the even number after it are swapped when they are handed out.
    NumbersSwapped,
    /// A lease carries the mark of another version of the format.
    ForeignVersion,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 32] = [
        Mutant::BlindWrites,
        Mutant::BlindVoids,
        Mutant::LeaseTakenAnyway,
        Mutant::LeaseTakenEarly,
        Mutant::EpochStandsStill,
        Mutant::CheckpointUnfenced,
        Mutant::CheckpointBackwards,
        Mutant::CheckpointAhead,
        Mutant::CheckpointForgotten,
        Mutant::RenewalUnfenced,
        Mutant::RenewalRevives,
        Mutant::RenewalShortens,
        Mutant::ReleaseUnfenced,
        Mutant::ReleaseForgotten,
        Mutant::AcquireForgotten,
        Mutant::ExpiryInSeconds,
        Mutant::HeadStandsStill,
        Mutant::IncrementTwice,
        Mutant::RecordUnguarded,
        Mutant::RecordForgotten,
        Mutant::StaleReads,
        Mutant::StaleRecovery,
        Mutant::EventHidden,
        Mutant::VoidsHidden,
        Mutant::UnknownAsDone,
        Mutant::RefusalAsDone,
        Mutant::TokenReused,
        Mutant::TransactionHalved,
        Mutant::UnprocessedDropped,
        Mutant::EventsSwapped,
        Mutant::NumbersSwapped,
        Mutant::ForeignVersion,
    ];

    /// Its name on the command line and in plans.
    #[must_use]
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The number of the scenario from the field that it stands for, if there is one.
    #[must_use]
    pub fn scenario(self) -> Option<u8> {
        match self {
            Mutant::BlindVoids | Mutant::BlindWrites | Mutant::EventHidden | Mutant::StaleReads => {
                Some(1)
            }
            Mutant::IncrementTwice
            | Mutant::StaleRecovery
            | Mutant::TokenReused
            | Mutant::UnknownAsDone => Some(2),
            Mutant::RenewalUnfenced | Mutant::ReleaseUnfenced => Some(3),
            Mutant::CheckpointForgotten | Mutant::CheckpointBackwards => Some(6),
            Mutant::CheckpointUnfenced | Mutant::LeaseTakenAnyway => Some(7),
            Mutant::ExpiryInSeconds
            | Mutant::LeaseTakenEarly
            | Mutant::RenewalRevives
            | Mutant::RenewalShortens => Some(9),
            Mutant::AcquireForgotten | Mutant::ReleaseForgotten => Some(10),
            Mutant::EpochStandsStill
            | Mutant::CheckpointAhead
            | Mutant::HeadStandsStill
            | Mutant::RecordUnguarded
            | Mutant::RecordForgotten
            | Mutant::VoidsHidden
            | Mutant::RefusalAsDone
            | Mutant::TransactionHalved
            | Mutant::UnprocessedDropped
            | Mutant::EventsSwapped
            | Mutant::NumbersSwapped
            | Mutant::ForeignVersion => None,
        }
    }
}
