//! Producers that load the history of a key, decide on it, and append to it.

use std::collections::BTreeMap;
use std::time::Duration;

use gapless::{AppendError, Event, History, Receipt};
use madsim::time::sleep;

use super::producer::{ProducerLife, names};

/// The histories that a life of a producer has loaded, by their keys.
#[derive(Default)]
pub(super) struct Histories(BTreeMap<String, History>);

impl ProducerLife {
    /// Appends events to the history of their key, and has the receipt judged.
    pub(super) async fn append_to_history(
        &self,
        histories: &mut Histories,
        events: &[Event],
    ) -> Result<(), AppendError> {
        let key = &events[0].key;
        loop {
            let mut history = match histories.0.remove(key) {
                Some(history) => history,
                None => self.load(key).await?,
            };
            let (known, before) = (names(&decided_on(&history)), history.head());
            let outcome = match self.stream.append_to(&mut history, events.to_vec()).await {
                Err(AppendError::Conflict { .. }) => {
                    self.mark("a history has got events in between");
                    histories.0.insert(key.clone(), history);
                    continue;
                }
                Ok(receipt) => {
                    if before.next() < receipt.position.slot {
                        self.mark("an append to a history comes behind what others appended");
                    }
                    histories.0.insert(key.clone(), history);
                    Ok(receipt)
                }
                error => self.settle(error).await,
            };
            match outcome {
                Ok(receipt) => {
                    self.show_history_receipt(events, &receipt, &known);
                    return Ok(());
                }
                // While it was open others came in between, of whatever key. It is loaded anew.
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Loads a history, for as long as it takes.
    async fn load(&self, key: &str) -> Result<History, AppendError> {
        loop {
            match self.stream.load(key).await {
                Ok(history) => return Ok(history),
                Err(error) if error.is_transient() => sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn show_history_receipt(&self, events: &[Event], receipt: &Receipt, known: &[String]) {
        let (key, own) = (&events[0].key, names(events));
        self.acknowledge(&own, |judge, at, node| {
            judge.judge_history_receipt(at, node, &own, (receipt, key, known))
        });
    }

    fn mark(&self, what: &'static str) {
        self.cluster.recorder().mark(what);
    }
}

/// The events that a producer decides on.
fn decided_on(history: &History) -> Vec<Event> {
    history.events().iter().map(|recorded| recorded.event.clone()).collect()
}
