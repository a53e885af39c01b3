//! Faults put into the traffic between adapter and engine on purpose, to see whether
//! the checks notice: what each strips, bends or makes up, and nothing else.

use serde::{Deserialize, Serialize};

/// What is done to the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutant {
    /// Slots are written without a condition.
    BlindWrites,
    /// Voids are written without a condition.
    BlindVoids,
    /// A lease is taken whatever it shows.
    LeaseTakenAnyway,
    /// Leases are treated as ended before they have.
    LeaseTakenEarly,
    /// An acquire does not raise the epoch.
    EpochStandsStill,
    /// A checkpoint does not demand the epoch.
    CheckpointUnfenced,
    /// A checkpoint may go back.
    CheckpointBackwards,
    /// A checkpoint is moved one slot too far.
    CheckpointAhead,
    /// A checkpoint is reported as done, and is not.
    CheckpointForgotten,
    /// A renewal does not demand the epoch.
    RenewalUnfenced,
    /// A renewal revives a lease that was released.
    RenewalRevives,
    /// A late renewal shortens the lease.
    RenewalShortens,
    /// A release does not demand the epoch.
    ReleaseUnfenced,
    /// A release is reported as done, and is not: nobody's orphan.
    ReleaseForgotten,
    /// A lease is reported as taken, and is not: the table has no owner, a cache says "me".
    AcquireForgotten,
    /// The end of a lease is written in seconds, and read as milliseconds.
    ExpiryInSeconds,
    /// Every increment gives out the same number.
    HeadStandsStill,
    /// Every increment is applied twice.
    IncrementTwice,
    /// An increment does not demand the record that its producer saw.
    RecordUnguarded,
    /// A producer's record is not kept.
    RecordForgotten,
    /// Reads of events are never consistent.
    StaleReads,
    /// The recovery read of a slot says that it is empty.
    StaleRecovery,
    /// A page leaves out an event that has others behind it.
    EventHidden,
    /// A page takes voids away.
    VoidsHidden,
    /// A write whose outcome is unknown is reported as done.
    UnknownAsDone,
    /// A write that was refused is reported as done.
    RefusalAsDone,
    /// Every token looks like one's own.
    TokenReused,
    /// A transaction's second half is left out.
    TransactionHalved,
    /// What a batch left undone is not mentioned.
    UnprocessedDropped,
    /// Events arrive with another one's content.
    EventsSwapped,
    /// Every two numbers that are given out are heard the wrong way round.
    NumbersSwapped,
    /// A lease shows the mark of another version of the format.
    ForeignVersion,
}

impl Mutant {
    /// Every one.
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

    /// The scenario of the field that it stands for, if it is one of the ten.
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
