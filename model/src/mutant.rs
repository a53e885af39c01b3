//! The mutants: protections that are taken out on purpose, to show that the checks notice.
//!
//! A named design disables one mechanism that a design can choose to do without; a mutant
//! breaks what no design can choose to break. This is the one list of them. The model checker
//! takes a protection out of the store, the simulation takes the same one out of the traffic
//! between the adapter and the engine. One name stands for nearly the same fault in both. In the
//! traffic, `renewal-unfenced` and `expiry-in-seconds` also strip the condition
//! `#expiry <= :until`, and `blind-writes` concerns no transaction.

use serde::{Deserialize, Serialize};

/// Where a mutant's protection exists, and so can be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the checked model alone.
    Model,
    /// In the traffic between adapter and engine alone.
    Traffic,
    /// In both.
    Both,
}

/// Declares the mutants: for each its name, where it exists, and its scenario (`docs/scenarios.md`).
macro_rules! mutants {
    ($(
        $(#[doc = $doc:literal])+
        $mutant:ident = $name:literal, $reach:ident $(, scenario $scenario:literal)?;
    )+) => {
        /// One protection taken out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Mutant {
            $( $(#[doc = $doc])+ #[serde(rename = $name)] $mutant ),+
        }

        impl Mutant {
            /// Every mutant, grouped by the request that it concerns.
            pub const ALL: &'static [Mutant] = &[$(Mutant::$mutant),+];

            /// The name on the command line, in plans and in logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Mutant::$mutant => $name),+ }
            }

            /// Where its protection exists.
            #[must_use]
            pub const fn reach(self) -> Reach {
                match self { $(Mutant::$mutant => Reach::$reach),+ }
            }

            /// The failure seen in the field that it reproduces, by its number in `docs/scenarios.md`.
            #[must_use]
            pub const fn scenario(self) -> Option<u8> {
                match self { $(Mutant::$mutant => mutants!(@ $($scenario)?)),+ }
            }
        }
    };
    (@) => { None };
    (@ $scenario:literal) => { Some($scenario) };
}

mutants! {
    /// Slots are written without a condition.
    BlindWrites = "blind-writes", Both, scenario 1;
    /// Voids are written without a condition.
    BlindVoids = "blind-voids", Both, scenario 1;
    /// A lease is taken whatever it shows.
    LeaseTakenAnyway = "lease-taken-anyway", Both, scenario 7;
    /// An owner counts on its lease for longer than it says in the table.
    LeaseCountedTwice = "lease-counted-twice", Model, scenario 9;
    /// An owner counts its lease from the reply, not from the request.
    LeaseFromReply = "lease-from-reply", Model, scenario 9;
    /// No allowance is made for clocks that differ.
    SkewIgnored = "skew-ignored", Model, scenario 9;
    /// A lease is treated as ended before it has: in the model one tick before.
    LeaseTakenEarly = "lease-taken-early", Both, scenario 9;
    /// Every turn of a worker owns its lease under the worker's name, so that a turn takes for its
    /// own what another left behind: that of a worker whose run was dropped and started again.
    OwnerPerWorker = "owner-per-worker", Both, scenario 19;
    /// All turns own their leases under one name: a worker that runs twice at once, or two that
    /// drew the same name.
    OwnerShared = "owner-shared", Both, scenario 19;
    /// An acquire does not raise the epoch.
    EpochStandsStill = "epoch-stands-still", Both;
    /// The epoch is stripped from the condition of every write of a lease.
    LeaseUnfenced = "lease-unfenced", Model, scenario 7;
    /// A checkpoint does not demand the epoch.
    CheckpointUnfenced = "checkpoint-unfenced", Both, scenario 7;
    /// A checkpoint may go back.
    CheckpointBackwards = "checkpoint-backwards", Both, scenario 6;
    /// A checkpoint is moved one slot too far.
    CheckpointAhead = "checkpoint-ahead", Both;
    /// A checkpoint is reported as done, and is not.
    CheckpointForgotten = "checkpoint-forgotten", Both, scenario 6;
    /// A checkpoint whose outcome is unknown is reported as done.
    CheckpointUnknownAsDone = "checkpoint-unknown-as-done", Model, scenario 6;
    /// A renewal does not demand the epoch.
    RenewalUnfenced = "renewal-unfenced", Both, scenario 3;
    /// A renewal revives a lease that was released.
    RenewalRevives = "renewal-revives", Both, scenario 9;
    /// A late renewal shortens the lease.
    RenewalShortens = "renewal-shortens", Both, scenario 9;
    /// A release does not demand the epoch.
    ReleaseUnfenced = "release-unfenced", Both, scenario 3;
    /// A release is reported as done, and is not: the lease is an orphan.
    ReleaseForgotten = "release-forgotten", Both, scenario 10;
    /// A lease is reported as taken, and is not: the table has no owner, and a worker believes
    /// that it is the owner.
    AcquireForgotten = "acquire-forgotten", Both, scenario 10;
    /// The end of a lease is written in seconds and read as milliseconds, so a lease ends as
    /// soon as it is taken.
    ExpiryInSeconds = "expiry-in-seconds", Both, scenario 9;
    /// Every increment hands out the same number.
    HeadStandsStill = "head-stands-still", Both;
    /// Every increment is applied twice.
    IncrementTwice = "increment-twice", Both, scenario 2;
    /// An append that expects a position raises whatever head it finds.
    ExpectationUnguarded = "expectation-unguarded", Both;
    /// Every increment demands a head that never comes, so that its sender tries for ever.
    IncrementNeverSucceeds = "increment-never-succeeds", Model;
    /// An increment does not demand that the partition is open.
    SealIgnored = "seal-ignored", Both, scenario 13;
    /// A seal does not demand that the partition is open, nor a merge: the last one counts.
    SealUnguarded = "seal-unguarded", Both, scenario 5;
    /// Reads of many heads do not show what took a sealed partition's place.
    SealsHidden = "seals-hidden", Traffic;
    /// A lease that only a group may take which has begun the partition is taken by any.
    BegunUnguarded = "begun-unguarded", Traffic;
    /// What an operator holds, who moves a checkpoint back, counts as begun all the while.
    HoldKeepsBegun = "hold-keeps-begun", Both, scenario 11;
    /// A lease that begins a partition does not demand that nothing was reset since the parents were asked.
    ResetUnseen = "reset-unseen", Both;
    /// An increment does not demand the record that its producer saw.
    RecordUnguarded = "record-unguarded", Both;
    /// A producer's record is not kept.
    RecordForgotten = "record-forgotten", Both;
    /// Reads of events are never consistent. The model has an axis of the design for it.
    StaleReads = "stale-reads", Traffic, scenario 1;
    /// Reads of single items are not consistent: heads, slots and leases.
    EventualItems = "eventual-items", Traffic;
    /// Reads of a group's leases and checkpoints are not consistent.
    EventualStandings = "eventual-standings", Traffic;
    /// Reads of many heads at once are not consistent, even where a worker says that it has caught up.
    EventualHeads = "eventual-heads", Traffic;
    /// The recovery read of a slot says that the slot is empty.
    StaleRecovery = "stale-recovery", Both, scenario 2;
    /// A page leaves out an event that has others behind it.
    EventHidden = "event-hidden", Both, scenario 1;
    /// A page leaves out the voids.
    VoidsHidden = "voids-hidden", Both;
    /// A worker that waits at a gap gives its turn back, again and again.
    GivesUpAtGaps = "gives-up-at-gaps", Model;
    /// A reader takes voids for events.
    VoidsAsEvents = "voids-as-events", Model;
    /// A write whose outcome is unknown is reported as done.
    UnknownAsDone = "unknown-as-done", Both, scenario 2;
    /// A write that was refused is reported as done.
    RefusalAsDone = "refusal-as-done", Both;
    /// Every token looks like one's own.
    TokenReused = "token-reused", Both, scenario 2;
    /// The second half of a transaction is left out.
    TransactionHalved = "transaction-halved", Both;
    /// The keys that a batch read left unprocessed are not mentioned.
    UnprocessedDropped = "unprocessed-dropped", Traffic;
    /// Events arrive with the content of other events.
    EventsSwapped = "events-swapped", Traffic;
    /// Every two numbers that are handed out are heard the wrong way round.
    NumbersSwapped = "numbers-swapped", Both;
    /// A lease carries the version of another format.
    ForeignVersion = "foreign-version", Traffic;
}

impl Mutant {
    /// Whether the checked model has the protection.
    #[must_use]
    pub const fn is_in_model(self) -> bool {
        matches!(self.reach(), Reach::Model | Reach::Both)
    }

    /// Whether the traffic between adapter and engine has the protection.
    #[must_use]
    pub const fn is_in_traffic(self) -> bool {
        matches!(self.reach(), Reach::Traffic | Reach::Both)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Mutant;

    #[test]
    fn every_mutant_has_a_name_of_its_own_in_kebab_case() {
        let names: BTreeSet<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
        assert_eq!(names.len(), Mutant::ALL.len());
        let kebab = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(names.iter().all(kebab), "{names:?}");
    }

    #[test]
    fn the_traffic_lacks_only_what_the_wire_cannot_lose_and_what_no_run_asks_for() {
        let model_only: Vec<_> = Mutant::ALL
            .iter()
            .filter(|mutant| !mutant.is_in_traffic())
            .map(|mutant| mutant.name())
            .collect();
        let expected = [
            "lease-counted-twice",
            "lease-from-reply",
            "skew-ignored",
            "lease-unfenced",
            "checkpoint-unknown-as-done",
            "increment-never-succeeds",
            "gives-up-at-gaps",
            "voids-as-events",
        ];
        assert_eq!(model_only, expected);
    }
}
