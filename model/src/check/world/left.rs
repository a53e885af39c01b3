//! The faults that may still strike.

use serde::{Deserialize, Serialize};

use super::super::bounds::Bounds;

macro_rules! faults {
    ($( $(#[doc = $doc:literal])+ $fault:ident = $field:ident ),+ $(,)?) => {
        /// A kind of fault that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::check) enum Fault { $( $(#[doc = $doc])+ $fault ),+ }

        impl Fault {
            pub(in crate::check) const ALL: &'static [Fault] = &[$(Fault::$fault),+];
        }

        impl Left {
            /// Every fault that the bounds allow.
            pub(super) fn all(bounds: &Bounds) -> Left {
                Left { faults: bounds.faults, kinds: [$(bounds.$field.min(bounds.faults)),+] }
            }
        }
    };
}

faults! {
    /// A process dies.
    Crash = crashes,
    /// A reply is lost.
    LostReply = lost_replies,
    /// A request arrives late.
    Late = late,
    /// A request takes its time.
    Slow = slow,
    /// A read is stale.
    Stale = stale,
    /// A lease ends while its owner is alive.
    Expiry = expiries,
    /// A clock is set.
    ClockStep = clock_steps,
    /// A handler fails, or a turn is dropped at any other moment.
    Failure = failures,
    /// A worker runs out of time.
    Handover = handovers,
    /// A producer runs twice.
    Twin = twins,
    /// A producer's input is longer.
    LongInput = long_inputs,
    /// A trigger is lost.
    LostTrigger = lost_triggers,
    /// A trigger arrives twice.
    DuplicateTrigger = duplicate_triggers,
}

/// The faults that may still strike, of all kinds together and of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Left {
    pub(in crate::check) faults: u8,
    kinds: [u8; Fault::ALL.len()],
}

impl Left {
    /// Whether `count` more faults of a kind may strike.
    pub(in crate::check) fn has(self, fault: Fault, count: u8) -> bool {
        self.faults >= count && self.kinds[fault as usize] >= count
    }

    /// Counts `count` more faults of a kind. A kind of which no more can strike, because the sum is
    /// used up, counts as used up itself: the two states have the same future.
    pub(in crate::check) fn spend(&mut self, fault: Fault, count: u8) {
        self.faults -= count;
        self.kinds[fault as usize] -= count;
        for kind in &mut self.kinds {
            *kind = (*kind).min(self.faults);
        }
    }

    /// As many faults of each kind as any step can take.
    pub(in crate::check) fn plenty() -> Left {
        const MANY: u8 = 8;
        Left { faults: 2 * MANY, kinds: [MANY; Fault::ALL.len()] }
    }

    /// The kind of the one fault by which `after` has fewer left than this.
    pub(in crate::check) fn spent(self, after: Left) -> Option<Fault> {
        (self.faults != after.faults).then(|| {
            let least = Fault::ALL.iter().min_by_key(|&&fault| after.kinds[fault as usize]);
            *least.expect("there are kinds of fault")
        })
    }

    /// No fault left.
    pub(in crate::check) fn none() -> Left {
        Left { faults: 0, kinds: [0; Fault::ALL.len()] }
    }
}
