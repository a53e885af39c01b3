//! The faults that can strike one message between a process and the store.

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::units::{Millis, Node};

/// What strikes one attempt at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The request never arrives.
    LoseRequest,
    /// The request is applied, and its answer lost.
    LoseReply,
    /// The answer breaks off in the middle.
    CutReply,
    /// The request arrives twice.
    Duplicate {
        /// The second time so much later.
        after: Millis,
    },
    /// The sender hears that it failed, and it arrives all the same, late: a zombie.
    Late {
        /// So much later.
        after: Millis,
    },
    /// It takes longer.
    Slow {
        /// So much longer.
        by: Millis,
    },
    /// The store turns it away.
    Throttle,
    /// The store turns it away because of a transaction under way.
    Conflict,
    /// The store fails before it did anything.
    InternalBefore,
    /// The store fails after it did everything.
    InternalAfter,
    /// The store leaves half of a batch undone.
    Unprocessed,
    /// An eventually consistent read, or an index, misses what was written lately.
    Stale {
        /// Within so much.
        by: Millis,
        /// Only one item is behind; otherwise the whole replica.
        one: bool,
    },
}

/// The kinds of [`Fault`], for tables and for drawing.
pub const FAULTS: [&str; 12] = [
    "lose-request",
    "lose-reply",
    "cut-reply",
    "duplicate",
    "late",
    "slow",
    "throttle",
    "conflict",
    "internal-before",
    "internal-after",
    "unprocessed",
    "stale",
];

impl Fault {
    /// The place of its kind in [`FAULTS`].
    #[must_use]
    pub fn kind(self) -> usize {
        match self {
            Fault::LoseRequest => 0,
            Fault::LoseReply => 1,
            Fault::CutReply => 2,
            Fault::Duplicate { .. } => 3,
            Fault::Late { .. } => 4,
            Fault::Slow { .. } => 5,
            Fault::Throttle => 6,
            Fault::Conflict => 7,
            Fault::InternalBefore => 8,
            Fault::InternalAfter => 9,
            Fault::Unprocessed => 10,
            Fault::Stale { .. } => 11,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        FAULTS[self.kind()]
    }

    fn draw(kind: usize, dice: &mut Dice, span: Millis) -> Fault {
        let mut after = || Millis(dice.between(1, span.0.max(2)));
        match kind {
            0 => Fault::LoseRequest,
            1 => Fault::LoseReply,
            2 => Fault::CutReply,
            3 => Fault::Duplicate { after: after() },
            4 => Fault::Late { after: after() },
            5 => Fault::Slow { by: Millis(after().0 / 4) },
            6 => Fault::Throttle,
            7 => Fault::Conflict,
            8 => Fault::InternalBefore,
            9 => Fault::InternalAfter,
            10 => Fault::Unprocessed,
            _ => Fault::Stale { by: after(), one: dice.percent(30) },
        }
    }
}

/// What of a call decides which faults can strike it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// It changes items.
    Write,
    /// A read of what is there now.
    Read,
    /// A read that may be behind.
    EventualRead,
    /// Many items at once, as they are now; some may be left undone.
    Batch,
    /// The same, and it may be behind.
    EventualBatch,
    /// Anything else: tables.
    Other,
}

impl CallKind {
    fn admits(self, fault: Fault) -> bool {
        match fault {
            Fault::LoseRequest
            | Fault::LoseReply
            | Fault::CutReply
            | Fault::Duplicate { .. }
            | Fault::Late { .. }
            | Fault::Slow { .. }
            | Fault::Throttle
            | Fault::InternalBefore
            | Fault::InternalAfter => true,
            Fault::Conflict => self == CallKind::Write,
            Fault::Unprocessed => matches!(self, CallKind::Batch | CallKind::EventualBatch),
            Fault::Stale { .. } => matches!(self, CallKind::EventualRead | CallKind::EventualBatch),
        }
    }
}

/// How much strikes messages, and of which kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// How many of a million attempts are struck.
    pub ppm: u32,
    /// How often each kind is drawn, in the order of [`FAULTS`].
    pub weights: [u8; FAULTS.len()],
    /// How late things can come, at the most.
    pub span: Millis,
}

impl Trouble {
    /// What strikes one attempt: a function of the seed and of the attempt alone.
    #[must_use]
    pub fn fault_for(&self, seed: u64, node: Node, attempt: u32, kind: CallKind) -> Option<Fault> {
        if self.ppm == 0 {
            return None;
        }
        let mut dice = Dice::at(seed, &[1, u64::from(node.0), u64::from(attempt)]);
        let total: u64 = self.weights.iter().map(|weight| u64::from(*weight)).sum();
        if total == 0 || !dice.ppm(self.ppm) {
            return None;
        }
        let mut drawn = dice.below(total);
        let drawn_kind = self.weights.iter().position(|weight| {
            let within = drawn < u64::from(*weight);
            drawn = drawn.wrapping_sub(u64::from(*weight));
            within
        });
        let fault = Fault::draw(drawn_kind?, &mut dice, self.span);
        kind.admits(fault).then_some(fault)
    }
}

/// A fault that struck, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// Whose call.
    #[serde(rename = "process")]
    pub node: Node,
    /// Which of its attempts, counted over all its lives.
    pub attempt: u32,
    /// What struck.
    pub fault: Fault,
}
