//! The checker's vocabulary: ids and times of a byte or two.

use serde::{Deserialize, Serialize};

use crate::ids::Seq;
use crate::store::{FromSlots, Slot, Spoken};
use crate::vocabulary::{Batch, Page, Seen, Time, Vocabulary};

/// The checker's vocabulary, whose values take a byte or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Small;

impl Vocabulary for Small {
    type Partition = PartitionNo;
    type Group = GroupNo;
    type Owner = Owner;
    type Name = ProducerNo;
    type Token = Token;
    type Time = Tick;
    type Batch = Count;
    type Page = Window;
}

macro_rules! number {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u8);

        impl $name {
            /// Returns the number as an index.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

number!(
    /// A partition, counted from 0 and shown as `p1`, `p2`.
    PartitionNo
);
number!(
    /// An operator who splits or merges, counted from 0 and shown as `1`, `2`.
    OperatorNo
);
number!(
    /// A group, counted from 0 and shown as `g1`, `g2`.
    GroupNo
);
number!(
    /// A run of a producer, counted from 0 and shown as `A`, `B`. A second run that is alive beside
    /// the first has a number of its own, and is shown as `A'`.
    ProducerNo
);

impl ProducerNo {
    /// The most producers that a world has, so that the second runs can be counted from here.
    pub(super) const MOST: u8 = 8;

    /// Whether this is a producer's second run.
    #[must_use]
    pub const fn is_second(self) -> bool {
        self.0 >= Self::MOST
    }

    /// The producer's first run, which names it.
    #[must_use]
    pub const fn first(self) -> ProducerNo {
        ProducerNo(self.0 % Self::MOST)
    }

    /// The producer's other run.
    pub(super) const fn other(self) -> ProducerNo {
        ProducerNo(self.0 ^ Self::MOST)
    }
}
number!(
    /// A worker, counted from 0 and shown as `1`, `2`.
    WorkerNo
);

/// The owner of a lease: one turn of a worker, shown as `worker 1` or `worker 1's turn 2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The worker.
    pub worker: WorkerNo,
    /// The number of its turns before this one.
    pub turn: u8,
}

impl Owner {
    /// Any turn that has ended. It takes no step; its late requests only leave its name.
    pub(super) const PAST: Owner = Owner { worker: WorkerNo(u8::MAX), turn: 1 };

    /// The name of every turn, where names are not their own.
    pub(super) const SHARED: Owner = Owner { worker: WorkerNo(u8::MAX), turn: 0 };

    /// The name of the operator who moves a checkpoint. There is one, and it does so once.
    pub(super) const OPERATOR: Owner = Owner { worker: WorkerNo(u8::MAX), turn: 2 };
}

/// The name of an append: the producer, the run if each run is another producer, and the last
/// event of the batch in the producer's own count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The producer.
    pub producer: ProducerNo,
    /// The run; always 0 for a named producer, which is the same across its restarts.
    pub run: u8,
    /// The batch's last event, counted from 1.
    pub number: u8,
}

/// A batch, of which only the number of events matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Count(pub u8);

impl Batch for Count {
    fn events(&self) -> u64 {
        u64::from(self.0)
    }
}

/// A reading of a clock, in ticks. A process's clock shows the time of the world plus what it is
/// ahead; see [`Bounds::skew`](super::Bounds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tick(pub i16);

impl Tick {
    /// How long a lease lasts: two ticks, the fewest that leave time to renew it.
    pub const LEASE: i16 = 2;
    /// How long an owner waits before it renews.
    pub const RENEW: i16 = 1;
    /// How long an empty slot may stand before a reader voids it.
    pub const GRACE: i16 = 1;
}

impl Time for Tick {
    type Span = i16;

    fn plus(self, span: i16) -> Tick {
        Tick(self.0 + span)
    }

    fn minus(self, span: i16) -> Tick {
        Tick(self.0 - span)
    }
}

/// The number of items on a page: enough for a run, a gap and what is behind it.
const PAGE: usize = 4;

/// A page of up to four items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The items' slots, ascending; 0 where the page ends early.
    slots: [u8; PAGE],
    /// Bit `i` is set if item `i` is a void.
    voids: u8,
}

impl Page for Window {
    fn seen(&self, slot: Seq) -> Seen {
        match self.slots.iter().position(|&shown| u64::from(shown) == slot.0 && shown != 0) {
            None => Seen::Nothing,
            Some(item) if self.voids & (1 << item) != 0 => Seen::Void,
            Some(_) => Seen::Events,
        }
    }

    fn last(&self) -> Option<Seq> {
        let last = self.slots.iter().rev().find(|&&shown| shown != 0)?;
        Some(Seq(u64::from(*last)))
    }

    fn is_full(&self) -> bool {
        self.slots.iter().all(|&shown| shown != 0)
    }
}

impl FromSlots<Small> for Window {
    fn from_slots(_after: Seq, slots: impl Iterator<Item = (Seq, Slot<Small>)>) -> Self {
        let mut window = Window::default();
        for (item, (seq, slot)) in slots.take(PAGE).enumerate() {
            window.slots[item] = seq.0 as u8;
            if slot == Slot::Void {
                window.voids |= 1 << item;
            }
        }
        window
    }
}

impl Window {
    /// The same page with its voids shown as events.
    pub(super) fn without_marks(self) -> Window {
        Window { voids: 0, ..self }
    }

    /// The same page without its voids.
    pub(super) fn without_voids(self) -> Window {
        self.keeping(|seen, _| seen != Seen::Void)
    }

    /// The same page without its first event, if it shows something behind it.
    pub(super) fn without_first_event(self) -> Window {
        let first = self.shown().find(|(_, seen)| *seen == Seen::Events).map(|(slot, _)| slot);
        let hidden = first.filter(|slot| self.last() != Some(*slot));
        self.keeping(|_, slot| Some(slot) != hidden)
    }

    fn shown(self) -> impl Iterator<Item = (Seq, Seen)> {
        let slots = self.slots.into_iter().take_while(|&slot| slot != 0);
        slots.map(move |slot| (Seq(u64::from(slot)), self.seen(Seq(u64::from(slot)))))
    }

    /// The same page with only those items that `keeps` selects.
    fn keeping(self, keeps: impl Fn(Seen, Seq) -> bool) -> Window {
        let mut kept = Window::default();
        for (item, (slot, seen)) in
            self.shown().filter(|(slot, seen)| keeps(*seen, *slot)).enumerate()
        {
            kept.slots[item] = slot.0 as u8;
            kept.voids |= u8::from(seen == Seen::Void) << item;
        }
        kept
    }
}

impl Spoken for Small {
    fn events(token: &Token, batch: &Count) -> String {
        if batch.0 > 1 {
            let first = Token { number: token.number + 1 - batch.0, ..*token };
            format!("{first}-{token}")
        } else {
            token.to_string()
        }
    }

    fn partition(partition: &PartitionNo) -> String {
        partition.to_string()
    }

    fn owner(owner: &Owner) -> String {
        owner.to_string()
    }

    fn producer(name: &ProducerNo) -> String {
        name.to_string()
    }

    fn ending(until: Tick) -> String {
        // A lease's end is counted from the present where it is told.
        if until <= Tick(0) { ", ended".to_owned() } else { String::new() }
    }

    fn page(page: &Window) -> String {
        let Some(last) = page.last() else { return "nothing".to_owned() };
        let shown = (1..=last.0).filter_map(|slot| match page.seen(Seq(slot)) {
            Seen::Nothing => None,
            Seen::Void => Some(format!("void in {slot}")),
            Seen::Events => Some(format!("slot {slot}")),
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}
