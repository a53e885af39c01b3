//! Producers that load the history of a key, decide on it, and append to it.

use std::time::Duration;

use gapless::{AppendError, Event, History, Position, Receipt, Seq};
use madsim::time::sleep;

use super::producer::{Histories, ProducerLife, names};
use crate::judge::Told;
use crate::moment::now;

impl ProducerLife {
    /// Appends events to the history of their key, and has the receipt judged.
    pub(super) async fn append_to_history(
        &self,
        histories: &mut Histories,
        events: &[Event],
    ) -> Result<(), AppendError> {
        let key = &events[0].key;
        let mut history = match histories.remove(key) {
            Some(history) => history,
            None => self.load(key).await?,
        };
        let mut decided_on = told(&history);
        loop {
            let before = history.head();
            let outcome = self.stream.append_to(&mut history, events.to_vec()).await;
            match outcome {
                Err(AppendError::Conflict { .. }) => {
                    if told(&history).len() > decided_on.len() {
                        self.mark("a history has got events in between");
                    }
                    decided_on = told(&history);
                }
                // Something came in between, and it cannot be read yet. The decision stands.
                Err(AppendError::Store(error)) if error.is_transient() => {
                    sleep(Duration::from_millis(100)).await;
                }
                Err(AppendError::Unsettled(unsettled)) => {
                    match self.settle(Err(AppendError::Unsettled(unsettled))).await {
                        Ok(receipt) => {
                            self.show_history_receipt(events, &receipt, &decided_on);
                            return Ok(());
                        }
                        // Others came in between, of whatever key. Half of the time it is loaded anew.
                        Err(AppendError::Conflict { .. }) => {
                            history = self.load_after(key, before, history).await?;
                            decided_on = told(&history);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(receipt) => {
                    if before.next() < receipt.position.slot {
                        self.mark("an append to a history comes behind what others appended");
                    }
                    self.show_history_receipt(events, &receipt, &decided_on);
                    histories.insert(key.clone(), history);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Loads a history, for as long as it takes, and has it judged.
    async fn load(&self, key: &str) -> Result<History, AppendError> {
        let acknowledged = self.cluster.recorder().judge.acknowledged_of(key);
        let history = loop {
            match self.stream.load(key).await {
                Ok(history) => break history,
                Err(error) if error.is_transient() => sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error.into()),
            }
        };
        let judgement = self.cluster.recorder().judge.judge_history(
            now(),
            self.node,
            &acknowledged,
            (history.partition(), key, &told(&history)),
            history.head(),
        );
        self.cluster.record_judgement(judgement);
        Ok(history)
    }

    /// The same history with what came since, read on from where it is or loaded anew.
    async fn load_after(
        &self,
        key: &str,
        before: Seq,
        mut history: History,
    ) -> Result<History, AppendError> {
        if before.0.is_multiple_of(2) {
            return self.load(key).await;
        }
        loop {
            match self.stream.refresh(&mut history).await {
                Ok(()) => return Ok(history),
                Err(error) if error.is_transient() => sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn show_history_receipt(&self, events: &[Event], receipt: &Receipt, decided_on: &[Told]) {
        let (key, own) = (&events[0].key, names(events));
        self.acknowledge(&own, |judge, at, node| {
            judge.judge_history_receipt(at, node, &own, (receipt, key, decided_on))
        });
    }

    fn mark(&self, what: &'static str) {
        self.cluster.recorder().mark(what);
    }
}

/// The events of a history, as a producer sees them.
fn told(history: &History) -> Vec<Told> {
    let told = |recorded: &gapless::Recorded| {
        let name = recorded.event.text().unwrap_or_default().to_owned();
        let Position { slot, index } = recorded.position;
        Told { slot, index, name }
    };
    history.events().iter().map(told).collect()
}
