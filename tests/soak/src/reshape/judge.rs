//! What the stream holds and what the workers were given, held against what was appended.

use std::collections::{BTreeMap, HashMap};

use gapless::{PartitionId, Position, Recorded};

use super::events::{Entry, Source, numbers_of};
use super::lines::Delivered;
use super::outage::Track;

/// The most findings of a kind that are told.
const MOST: usize = 10;

/// What is wrong.
#[derive(Debug, Default)]
pub struct Findings(Vec<String>);

impl Findings {
    pub fn say(&mut self, what: String) {
        self.0.push(what);
    }

    /// All of it; of many, the first.
    pub fn lines(self) -> Vec<String> {
        let (all, mut lines) = (self.0.len(), self.0);
        if all > MOST {
            lines.truncate(MOST);
            lines.push(format!("and {} findings more of this kind", all - MOST));
        }
        lines
    }
}

/// Events of each key, in an order.
pub type Keys = BTreeMap<String, Vec<Entry>>;

/// How many events each source has appended to a key, or in all.
#[derive(Debug, Default)]
pub struct Appended {
    /// The last number of each producer.
    pub producers: BTreeMap<Source, u64>,
    /// The last number of each key of the prober.
    pub probed: BTreeMap<String, u64>,
}

impl Appended {
    /// How many events that are.
    pub fn total(&self) -> u64 {
        self.producers.values().sum::<u64>() + self.probed.values().sum::<u64>()
    }
}

/// Adds an event to those that the stream holds.
pub fn note(stored: &mut Keys, recorded: Recorded, findings: &mut Findings) {
    match Entry::of(&recorded.event) {
        Ok(entry) => stored.entry(recorded.event.key).or_default().push(entry),
        Err(error) => {
            findings.say(format!("{} {}: {error:#}", recorded.partition, recorded.position))
        }
    }
}

/// Looks whether the stream holds each event once, and those of a source in its order.
pub fn judge_stored(stored: &Keys, appended: &Appended, findings: &mut Findings) {
    let mut found = 0;
    for (key, entries) in stored {
        let (first, stride) = numbers_of(key).unwrap_or((1, 1));
        let mut next: BTreeMap<Source, u64> = BTreeMap::new();
        for Entry { source, number } in entries {
            let next = next.entry(*source).or_insert(first);
            match (*number).cmp(next) {
                std::cmp::Ordering::Equal => found += 1,
                std::cmp::Ordering::Less => {
                    findings.say(format!("{key}: event {number} of {source} is there again"));
                    continue;
                }
                std::cmp::Ordering::Greater => findings.say(format!(
                    "{key}: event {number} of {source} is there, where {next} should"
                )),
            }
            *next = *number + stride;
        }
        let last = |source: &Source| match *source {
            Source::PROBER => appended.probed.get(key).copied(),
            _ => appended.producers.get(source).copied(),
        };
        for (source, next) in next {
            let last = last(&source).unwrap_or(0);
            if next <= last {
                findings.say(format!("{key}: event {next} of {source} is missing, of {last}"));
            }
        }
    }
    let total = appended.total();
    if found != total {
        findings.say(format!("the stream has {found} events in order, and {total} were appended"));
    }
}

/// What a run of a worker was given.
pub struct Run {
    pub name: String,
    /// Whether it was killed.
    pub killed: bool,
    pub deliveries: Vec<Delivered>,
}

/// What all workers were given.
#[derive(Default)]
pub struct Consumed {
    /// The first delivery of each event, key by key, in the order of time.
    pub first: Keys,
    /// Where and when that was.
    pub tracks: BTreeMap<String, Track>,
    /// How many events were delivered again.
    pub again: u64,
}

/// Puts together what all runs were given. Looks whether each run of an epoch went forward, and whether
/// something was delivered again without a kill.
pub fn judge_deliveries(runs: &[Run], findings: &mut Findings) -> Consumed {
    let mut order: Vec<(&Run, usize)> = runs
        .iter()
        .flat_map(|run| (0..run.deliveries.len()).map(move |index| (run, index)))
        .collect();
    order.sort_by_key(|(run, index)| (run.deliveries[*index].at, *index));
    let mut consumed = Consumed::default();
    let mut epochs: HashMap<(&PartitionId, u64), (&str, Position)> = HashMap::new();
    let mut seen: HashMap<&PartitionId, HashMap<Position, &Run>> = HashMap::new();
    for (run, index) in order {
        let Delivered { at, partition, epoch, events } = &run.deliveries[index];
        let seen = seen.entry(partition).or_default();
        for (position, key, entry) in events {
            let place = || format!("{partition} {position} ({key}: {entry})");
            match epochs.insert((partition, *epoch), (&run.name, *position)) {
                Some((other, _)) if other != run.name => findings.say(format!(
                    "{}: epoch {epoch} was {other}'s and {}'s",
                    place(),
                    run.name
                )),
                Some((_, before)) if before >= *position => findings.say(format!(
                    "{}: delivered behind {before} in epoch {epoch} of {}",
                    place(),
                    run.name
                )),
                Some(_) | None => {}
            }
            match seen.insert(*position, run) {
                None => {
                    consumed.first.entry(key.clone()).or_default().push(*entry);
                    consumed.tracks.entry(key.clone()).or_default().push(*at, partition);
                }
                Some(before) => {
                    consumed.again += 1;
                    if !before.killed {
                        let (before, now) = (&before.name, &run.name);
                        findings.say(format!(
                            "{}: delivered to {before}, which was not killed, and again to {now}",
                            place()
                        ));
                    }
                }
            }
        }
    }
    consumed
}

/// Looks whether each key's events were delivered in the order in which the stream has them, and all of them.
pub fn judge_order(stored: &Keys, first: &Keys, findings: &mut Findings) {
    let none = Vec::new();
    for (key, appended) in stored {
        let delivered = first.get(key).unwrap_or(&none);
        let differ = appended.iter().zip(delivered).find(|(one, other)| one != other);
        if let Some((one, other)) = differ {
            findings.say(format!("{key}: {other} was delivered, where {one} was appended"));
        }
        if appended.len() != delivered.len() {
            let (all, some) = (appended.len(), delivered.len());
            findings.say(format!("{key}: {some} events were delivered, and {all} are there"));
        }
    }
    for key in first.keys().filter(|key| !stored.contains_key(*key)) {
        findings.say(format!("{key}: delivered, and the stream has no event of it"));
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
