//! A vocabulary of strings, in which a page has two slots.

use gapless_model::store::{FromSlots, Slot, ToSlots};
use gapless_model::{Batch, Page, Seen, Seq, Time, Vocabulary};
use serde::{Deserialize, Serialize};

/// A vocabulary of strings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Words;

impl Vocabulary for Words {
    type Partition = String;
    type Group = String;
    type Owner = String;
    type Name = String;
    type Token = String;
    type Time = Millis;
    type Batch = Text;
    type Page = Shown;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl Time for Millis {
    type Span = u64;

    fn plus(self, span: u64) -> Millis {
        Millis(self.0 + span)
    }

    fn minus(self, span: u64) -> Millis {
        Millis(self.0.saturating_sub(span))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text(pub String);

impl Batch for Text {
    fn events(&self) -> u64 {
        1
    }
}

/// A page of two slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shown(pub Vec<(Seq, Slot<Words>)>);

impl Page for Shown {
    fn seen(&self, slot: Seq) -> Seen {
        match self.0.iter().find(|(seq, _)| *seq == slot) {
            None | Some((_, Slot::Empty)) => Seen::Nothing,
            Some((_, Slot::Void)) => Seen::Void,
            Some((_, Slot::Events { .. })) => Seen::Events,
        }
    }

    fn last(&self) -> Option<Seq> {
        self.0.last().map(|(seq, _)| *seq)
    }

    fn is_full(&self) -> bool {
        self.0.len() == 2
    }
}

impl FromSlots<Words> for Shown {
    fn from_slots(_: Seq, slots: impl Iterator<Item = (Seq, Slot<Words>)>) -> Shown {
        Shown(slots.take(2).collect())
    }
}

impl ToSlots<Words> for Shown {
    fn to_slots(&self) -> Vec<(Seq, Slot<Words>)> {
        self.0.clone()
    }
}
