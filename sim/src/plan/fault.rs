//! The faults that can strike one call between a node and the store.

use serde::{Deserialize, Deserializer, Serialize};

use super::dice::Dice;
use super::units::{Millis, Node};

/// A fault that strikes one attempt at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The request never arrives.
    LoseRequest,
    /// The request is applied, but its answer is lost.
    LoseReply,
    /// The answer breaks off in the middle.
    CutReply,
    /// The request arrives twice.
    Duplicate {
        /// How much later the second copy arrives.
        after: Millis,
    },
    /// The sender is told that the request failed, but it arrives later all the same.
    Late {
        /// How much later it arrives.
        after: Millis,
    },
    /// The request takes longer to arrive.
    Slow {
        /// How much longer.
        by: Millis,
    },
    /// The store throttles the request.
    Throttle,
    /// The store refuses the request because of a transaction in progress.
    Conflict,
    /// The store answers with an internal error and has applied nothing.
    InternalBefore,
    /// The store answers with an internal error and has applied the request.
    InternalAfter,
    /// The store leaves part of a batch unprocessed.
    Unprocessed,
    /// An eventually consistent read, or a read of an index, misses recent writes.
    Stale {
        /// How old a write must be to be seen.
        by: Millis,
        /// Whether a single item is stale; otherwise the whole replica is.
        one: bool,
    },
    /// No connection is made, so the request never leaves its sender, who hears of it at once.
    RefuseConnection,
    /// The request is applied, and the connection breaks before its answer.
    BreakConnection,
}

/// The names of the kinds of [`Fault`], in the order of [`Fault::kind`].
pub const FAULTS: [&str; 14] = [
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
    "refuse-connection",
    "break-connection",
];

/// How many kinds are drawn with the rest of a plan, the first ones. The others have dice of their own.
pub(super) const DRAWN_FAULTS: usize = 12;

impl Fault {
    /// The index of its kind in [`FAULTS`].
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
            Fault::RefuseConnection => 12,
            Fault::BreakConnection => 13,
        }
    }

    /// The name of its kind.
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
            11 => Fault::Stale { by: after(), one: dice.percent(30) },
            12 => Fault::RefuseConnection,
            _ => Fault::BreakConnection,
        }
    }
}

/// The kind of a call, which decides which faults can strike it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A write.
    Write,
    /// A consistent read.
    Read,
    /// An eventually consistent read.
    EventualRead,
    /// A consistent batch read, part of which may be left unprocessed.
    Batch,
    /// An eventually consistent batch read.
    EventualBatch,
    /// Anything else, such as creating and describing tables.
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
            | Fault::InternalAfter
            | Fault::RefuseConnection
            | Fault::BreakConnection => true,
            Fault::Conflict => self == CallKind::Write,
            Fault::Unprocessed => matches!(self, CallKind::Batch | CallKind::EventualBatch),
            Fault::Stale { .. } => matches!(self, CallKind::EventualRead | CallKind::EventualBatch),
        }
    }
}

/// How often faults strike calls at random, and of which kinds they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// How many of a million attempts a fault strikes.
    pub ppm: u32,
    /// The relative frequency of each kind, in the order of [`FAULTS`]. A plan that was written before
    /// there was a kind has none of it.
    #[serde(deserialize_with = "weights")]
    pub weights: [u8; FAULTS.len()],
    /// The longest delay of a late or repeated request, and the oldest view of a stale read.
    pub span: Millis,
}

fn weights<'de, D: Deserializer<'de>>(given: D) -> Result<[u8; FAULTS.len()], D::Error> {
    let given = Vec::<u8>::deserialize(given)?;
    let mut weights = [0; FAULTS.len()];
    let Some(known) = weights.get_mut(..given.len()) else {
        let most = FAULTS.len();
        let what = format!("{} weights of faults, and there are {most} kinds", given.len());
        return Err(serde::de::Error::custom(what));
    };
    known.copy_from_slice(&given);
    Ok(weights)
}

impl Trouble {
    /// Draws the fault that strikes an attempt, if any. It depends on the seed and on the
    /// attempt alone.
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

/// A fault that struck, and the attempt that it struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// The node that made the call.
    #[serde(rename = "process")]
    pub node: Node,
    /// Which of the node's attempts, counted from 0 across restarts.
    pub attempt: u32,
    /// The fault.
    pub fault: Fault,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trouble(weights: &[u8]) -> Result<Trouble, serde_json::Error> {
        serde_json::from_value(json!({ "ppm": 1, "weights": weights, "span": 5 }))
    }

    #[test]
    fn a_plan_from_before_there_was_a_kind_of_fault_has_none_of_it() {
        let older = trouble(&[7; DRAWN_FAULTS]).expect("twelve weights");
        assert_eq!(older.weights[..DRAWN_FAULTS], [7; DRAWN_FAULTS]);
        assert_eq!(older.weights[DRAWN_FAULTS..], [0; FAULTS.len() - DRAWN_FAULTS]);
    }

    #[test]
    fn a_plan_with_more_kinds_of_fault_than_there_are_is_refused() {
        let newer = trouble(&[1; FAULTS.len() + 1]).expect_err("one too many").to_string();
        assert!(newer.contains("15 weights of faults, and there are 14 kinds"), "{newer}");
    }

    #[test]
    fn every_kind_of_fault_is_drawn_under_its_own_name() {
        for (kind, name) in FAULTS.iter().enumerate() {
            let fault = Fault::draw(kind, &mut Dice::new(1), Millis(100));
            assert_eq!((fault.kind(), fault.name()), (kind, *name));
        }
    }
}
