//! The machines' vocabulary as production fills it.

use gapless_model::store::{FromSlots, Slot, Spoken, ToSlots};
use gapless_model::{PartitionId, Seq, Vocabulary};
use serde::{Deserialize, Serialize};

use super::event::{Event, EventBatch};
use super::names::{Group, Owner, ProducerName, Token};
use super::page::{Filled, Slots};
use super::time::Timestamp;

/// The vocabulary of production: the types that fill the machines' generic ids, times,
/// batches and pages.
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

impl FromSlots<Live> for Slots {
    fn from_slots(_after: Seq, slots: impl Iterator<Item = (Seq, Slot<Live>)>) -> Self {
        let filled = slots.filter_map(|(seq, slot)| match slot {
            Slot::Empty => None,
            Slot::Void => Some((seq, Filled::Void)),
            Slot::Events { token, batch } => Some((seq, Filled::Events { token, batch })),
        });
        Slots::new(filled.collect(), false)
    }
}

impl ToSlots<Live> for Slots {
    fn to_slots(&self) -> Vec<(Seq, Slot<Live>)> {
        let slot = |filled: &Filled| match filled {
            Filled::Void => Slot::Void,
            Filled::Events { token, batch } => {
                Slot::Events { token: token.clone(), batch: batch.clone() }
            }
        };
        self.shown().iter().map(|(seq, filled)| (*seq, slot(filled))).collect()
    }
}

impl Spoken for Live {
    fn events(token: &Token, batch: &EventBatch) -> String {
        let short = |event: &Event| event.text().filter(|text| text.len() <= 16).map(str::to_owned);
        let texts: Option<Vec<String>> = batch.events().iter().take(5).map(short).collect();
        match texts {
            Some(texts) if batch.events().len() <= 4 => texts.join(" "),
            Some(_) | None => format!("{} events of {token}", batch.events().len()),
        }
    }

    fn owner(owner: &Owner) -> String {
        // The worker's name, enough of the random digits to tell two of that name apart, and the
        // turn.
        let (worker, turn) = match owner.as_str().rfind('/') {
            Some(at) => owner.as_str().split_at(at),
            None => (owner.as_str(), ""),
        };
        let short = worker.rfind('#').and_then(|at| worker.get(..at + 5));
        format!("{}{turn}", short.unwrap_or(worker))
    }

    fn producer(name: &ProducerName) -> String {
        name.to_string()
    }

    fn partition(partition: &PartitionId) -> String {
        partition.to_string()
    }

    fn ending(_until: Timestamp) -> String {
        // A lease's end means something only beside a clock, and there is none here.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_short_events_are_shown_and_others_are_counted() {
        let shown = |texts: &[&str]| {
            let events = texts.iter().map(|text| Event::new("k", *text)).collect();
            Live::events(&Token::from("a1"), &EventBatch::new(events).expect("events"))
        };
        assert_eq!(shown(&["a", "b", "c", "d"]), "a b c d");
        assert_eq!(shown(&["a", "b", "c", "d", "e"]), "5 events of a1");
        assert_eq!(shown(&["exactly sixteen."]), "exactly sixteen.");
        assert_eq!(shown(&["exactly seventeen"]), "1 events of a1");
    }

    #[test]
    fn an_owner_is_shown_by_its_name_a_few_digits_and_its_turn() {
        let shown = |owner: &str| Live::owner(&Owner::from(owner));
        assert_eq!(shown("worker#0123456789/7"), "worker#0123/7");
        assert_eq!(shown("worker#01"), "worker#01");
        assert_eq!(shown("worker"), "worker");
    }

    #[test]
    fn a_page_is_shown_by_its_ends_and_how_many_are_void() {
        let filled = || Filled::Events {
            token: Token::from("a1"),
            batch: EventBatch::new(vec![Event::new("k", "x")]).expect("an event"),
        };
        let shown = |filled: Vec<Filled>| {
            Live::page(&Slots::new((3..).map(Seq).zip(filled).collect(), false))
        };
        assert_eq!(shown(vec![]), "nothing");
        assert_eq!(shown(vec![filled(), filled()]), "slots 3 to 4");
        assert_eq!(shown(vec![filled(), Filled::Void, filled()]), "slots 3 to 5, 1 void");
    }
}
