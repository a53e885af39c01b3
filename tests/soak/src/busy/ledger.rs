//! What was delivered, held against what was appended.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gapless::{Delivery, PartitionId, Recorded, Timestamp};
use hdrhistogram::Histogram;

use super::input::Place;

/// Everything that handlers were given.
pub struct Ledger {
    places: BTreeMap<PartitionId, Place>,
    state: Mutex<State>,
}

struct State {
    /// How many events of each partition and producer were delivered.
    next: BTreeMap<(PartitionId, usize), u64>,
    hot: Histogram<u64>,
    cold: Histogram<u64>,
    again: u64,
    wrong: Vec<String>,
}

/// How long events waited for their handler.
pub struct Waits {
    pub events: u64,
    pub median: Duration,
    pub p99: Duration,
    pub most: Duration,
}

/// The most findings that are kept.
const MOST_WRONG: usize = 20;

impl Ledger {
    pub fn new(places: &[Place]) -> anyhow::Result<Ledger> {
        let places = places.iter().map(|place| (place.partition.clone(), place.clone()));
        let state = State {
            next: BTreeMap::new(),
            hot: Histogram::new(3)?,
            cold: Histogram::new(3)?,
            again: 0,
            wrong: Vec::new(),
        };
        Ok(Ledger { places: places.collect(), state: Mutex::new(state) })
    }

    /// Takes note of a delivery: each producer's events come in their order, and none is left out.
    pub fn record(&self, delivery: &Delivery, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for recorded in delivery.events() {
            let partition = &recorded.partition;
            let Some((place, producer, number)) = self.identify(&recorded) else {
                state.say(format!("{partition} {}: no producer's event", recorded.position));
                continue;
            };
            let next = state.next.entry((partition.clone(), producer)).or_default();
            if number < *next {
                state.again += 1;
                continue;
            }
            let missed = number - *next;
            *next = number + 1;
            if missed > 0 {
                let position = recorded.position;
                state.say(format!("{partition} {position}: {missed} events were left out"));
            }
            let Some(at) = recorded.at else {
                state.say(format!("{partition} {}: an event without a time", recorded.position));
                continue;
            };
            let waited = now.since(at);
            let waits = if place.is_hot { &mut state.hot } else { &mut state.cold };
            waits.saturating_record((waited.as_millis() as u64).max(1));
        }
    }

    /// An event's partition, its producer and its number among that one's events there.
    fn identify(&self, recorded: &Recorded) -> Option<(&Place, usize, u64)> {
        let place = self.places.get(&recorded.partition)?;
        let number = recorded.event.text()?.parse().ok()?;
        Some((place, place.producer_of(&recorded.event.key)?, number))
    }

    /// How many events are to be delivered yet, once so many ticks are appended.
    pub fn missing(&self, ticks: u64, producers: usize, but: &PartitionId) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.places.values().filter(|place| place.partition != *but);
        let missing = places.map(|place| {
            let delivered = |producer| {
                state.next.get(&(place.partition.clone(), producer)).copied().unwrap_or(0)
            };
            (0..producers)
                .map(|producer| place.count(ticks).abs_diff(delivered(producer)))
                .sum::<u64>()
        });
        missing.sum()
    }

    /// Holds what the stream has in the end against what was appended in so many ticks: each producer's
    /// events in their order, each once.
    pub fn compare(&self, stored: &[Recorded], ticks: u64, producers: usize) -> Vec<String> {
        let mut next: BTreeMap<(&PartitionId, usize), u64> = BTreeMap::new();
        let mut wrong = Vec::new();
        for recorded in stored {
            let partition = &recorded.partition;
            let known = self.identify(recorded);
            // What no producer has appended is counted by itself.
            let producer = known.map_or(producers, |(_, producer, _)| producer);
            let next = next.entry((partition, producer)).or_default();
            if known.is_none_or(|(_, _, number)| number != *next) {
                wrong.push(format!("{partition} {}: not event {next}", recorded.position));
            }
            *next += 1;
        }
        for place in self.places.values() {
            let found = |producer| next.get(&(&place.partition, producer)).copied().unwrap_or(0);
            let all = |producer: &usize| found(*producer) == place.count(ticks);
            if !(0..producers).all(|producer| all(&producer)) {
                wrong.push(format!("{}: not as many events as were appended", place.partition));
            }
        }
        wrong.truncate(MOST_WRONG);
        wrong
    }

    /// How many events were delivered again, and what was wrong.
    pub fn again_and_wrong(&self) -> (u64, Vec<String>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.again, state.wrong.clone())
    }

    /// How long events of hot and of cold partitions waited.
    pub fn waits(&self) -> (Waits, Waits) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (waits(&state.hot), waits(&state.cold))
    }
}

impl State {
    fn say(&mut self, what: String) {
        if self.wrong.len() < MOST_WRONG {
            self.wrong.push(what);
        }
    }
}

fn waits(histogram: &Histogram<u64>) -> Waits {
    let at = |share| Duration::from_millis(histogram.value_at_quantile(share));
    let most = Duration::from_millis(histogram.max());
    Waits { events: histogram.len(), median: at(0.5), p99: at(0.99), most }
}
