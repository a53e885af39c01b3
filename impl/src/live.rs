//! The machines' vocabulary as production fills it: names, real time, and events.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gapless_model::store::{FromSlots, Slot, Spoken};
use gapless_model::{Page, PartitionId, Seen, Seq, Time, Vocabulary};
use serde::{Deserialize, Serialize};

use crate::event::{Event, EventBatch};

/// The vocabulary of production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Live;

impl Vocabulary for Live {
    type Partition = PartitionId;
    type Group = Group;
    type Owner = Owner;
    type Name = ProducerName;
    type Token = Token;
    type Time = Timestamp;
    type Batch = EventBatch;
    type Page = Slots;
}

macro_rules! name {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// As it stands in the tables.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                $name(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                $name(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// A group of consumers: an independent reader of a stream (the table's `consumerId`).
    Group
);
name!(
    /// One run of one worker. Two runs never share a name: a worker that found its
    /// dead predecessor's lease would take it for its own.
    Owner
);
name!(
    /// A producer that is known across its restarts.
    ProducerName
);
name!(
    /// Names one append for ever, so that it recognises its own effect.
    Token
);

impl Owner {
    /// A name for this run of a worker.
    #[must_use]
    pub fn fresh(worker: &str) -> Owner {
        Owner::from(format!("{worker}#{:016x}", fastrand::u64(..)))
    }
}

impl Token {
    /// A name for an append by nobody in particular.
    #[must_use]
    pub fn fresh() -> Token {
        Token::from(format!("{:032x}", fastrand::u128(..)))
    }

    /// The name of a named producer's append, the same in every run: its batch ends with `number`.
    #[must_use]
    pub fn of(producer: &ProducerName, number: gapless_model::Number) -> Token {
        Token::from(format!("{producer}/{number}"))
    }
}

/// A reading of a process's clock, in milliseconds since 1970.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Timestamp {
        Timestamp(millis)
    }

    /// In milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is, or nothing if it is not.
    #[must_use]
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Time for Timestamp {
    type Span = Duration;

    fn plus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(millis(span)))
    }

    fn minus(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(millis(span)))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A page of a partition's slots, as one query returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slots(Arc<[(Seq, Filled)]>);

/// What a slot that is not empty holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Filled {
    /// It was voided.
    Void,
    /// Events.
    Events {
        /// The append that wrote them.
        token: Token,
        /// What it wrote.
        batch: EventBatch,
    },
}

impl Slots {
    /// How many slots one query asks for. DynamoDB may return fewer: a page is at most 1 MB.
    pub const LIMIT: usize = 100;

    /// The slots that the page shows, rising.
    #[must_use]
    pub fn shown(&self) -> &[(Seq, Filled)] {
        &self.0
    }

    /// What the page shows from `first` up to `upto`.
    pub(crate) fn between(&self, after: Seq, upto: Seq) -> &[(Seq, Filled)] {
        let begin = self.0.partition_point(|(seq, _)| *seq <= after);
        let end = self.0.partition_point(|(seq, _)| *seq <= upto);
        &self.0[begin..end]
    }
}

impl FromIterator<(Seq, Filled)> for Slots {
    fn from_iter<I: IntoIterator<Item = (Seq, Filled)>>(slots: I) -> Self {
        Slots(slots.into_iter().collect())
    }
}

impl Page for Slots {
    fn seen(&self, slot: Seq) -> Seen {
        match self.0.binary_search_by_key(&slot, |(seq, _)| *seq) {
            Err(_) => Seen::Nothing,
            Ok(found) => match self.0[found].1 {
                Filled::Void => Seen::Void,
                Filled::Events { .. } => Seen::Events,
            },
        }
    }

    fn last(&self) -> Option<Seq> {
        self.0.last().map(|(seq, _)| *seq)
    }
}

impl FromSlots<Live> for Slots {
    fn from_slots(_after: Seq, slots: impl Iterator<Item = (Seq, Slot<Live>)>) -> Self {
        let filled = slots.filter_map(|(seq, slot)| match slot {
            Slot::Empty => None,
            Slot::Void => Some((seq, Filled::Void)),
            Slot::Events { token, batch } => Some((seq, Filled::Events { token, batch })),
        });
        filled.take(Slots::LIMIT).collect()
    }
}

impl Spoken for Live {
    fn events(token: &Token, batch: &EventBatch) -> String {
        let short = |event: &Event| event.text().filter(|text| text.len() <= 16).map(str::to_owned);
        let said: Option<Vec<String>> = batch.events().iter().take(5).map(short).collect();
        match said {
            Some(said) if batch.events().len() <= 4 => said.join(" "),
            Some(_) | None => format!("{} events of {token}", batch.events().len()),
        }
    }

    fn owner(owner: &Owner) -> String {
        // The worker's name and enough of the run's mark to tell two apart.
        let mark = owner.as_str().rfind('#').map_or(0, |at| at + 5);
        owner.as_str().get(..mark).unwrap_or(owner.as_str()).to_owned()
    }

    fn producer(name: &ProducerName) -> String {
        name.to_string()
    }

    fn ending(_until: Timestamp) -> String {
        // Whose clock would say whether it has ended?
        String::new()
    }

    fn page(page: &Slots) -> String {
        let shown = page.shown();
        let voids = shown.iter().filter(|(_, filled)| *filled == Filled::Void).count();
        match (shown.first(), shown.last()) {
            (Some((first, _)), Some((last, _))) if voids == 0 => format!("slots {first} to {last}"),
            (Some((first, _)), Some((last, _))) => format!("slots {first} to {last}, {voids} void"),
            _ => "nothing".to_owned(),
        }
    }
}
