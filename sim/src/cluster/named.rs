//! Named producers: every life feeds the whole input, and what is in the log is skipped.

use std::collections::VecDeque;
use std::time::Duration;

use gapless::{AppendError, ProducerError, Receipt, StoreError};
use gapless_model::Number;
use madsim::time::sleep;

use super::producer::{Fed, ProducerLife, names};
use super::shared::producer_name;
use crate::moment::now;

/// The events that a life of a named producer was given and knows nothing of yet, each with its key.
type Feed = Vec<(String, String)>;

impl ProducerLife {
    /// Appends under a name. Every life feeds the whole input.
    pub(super) async fn append_named(&self) -> Fed {
        let plan = self.plan();
        let mut producer =
            self.stream.producer(producer_name(self.input())).batches_of(usize::from(plan.batch));
        let mut feed = Feed::default();
        for number in 1..=u32::from(plan.events) {
            sleep(plan.pause.duration()).await;
            let event = self.event(number, number, true);
            loop {
                match producer.push(Number(u64::from(number)), event.clone()).await {
                    Ok(receipts) => {
                        self.show_named(&mut feed, &receipts);
                        break;
                    }
                    // It was taken before a flush failed, and waits for the next one.
                    Err(ProducerError::Order { .. }) => break,
                    Err(error) => {
                        if let Some(end) = self.end_after(&error).await {
                            return end;
                        }
                    }
                }
            }
            feed.extend(
                names(std::slice::from_ref(&event))
                    .into_iter()
                    .map(|name| (event.key.clone(), name)),
            );
            if number % u32::from(plan.batch) != 0 && number != u32::from(plan.events) {
                continue;
            }
            loop {
                match producer.flush().await {
                    Ok(receipts) => {
                        self.show_named(&mut feed, &receipts);
                        break;
                    }
                    Err(error) => {
                        if let Some(end) = self.end_after(&error).await {
                            return end;
                        }
                    }
                }
            }
        }
        let (receipts, skipped) = match producer.finish().await {
            Ok(finished) => finished,
            // If the store did not answer, the producer is to be run again.
            Err(error) => return self.end_after(&error).await.unwrap_or(Fed::Again),
        };
        self.show_named(&mut feed, &receipts);
        // At the end of the input, everything that an earlier life appended is known as well.
        let rest: Vec<_> = feed.into_iter().map(|(_, name)| name).collect();
        self.acknowledge(&rest, |judge, at, node| {
            rest.iter().try_for_each(|name| judge.judge_acknowledgement(at, node, name, None))
        });
        if skipped > 0 {
            self.cluster.recorder().mark("a named producer skips what is in the log");
        }
        Fed::Whole
    }

    /// Has the receipts of a named producer judged.
    fn show_named(&self, feed: &mut Feed, receipts: &[Receipt]) {
        let home = self.cluster.plan.home();
        for receipt in receipts {
            // What belongs there, whatever was split or merged since it was pushed.
            let own = feed.iter().filter(|(key, _)| home.is_of(key, &receipt.partition));
            let before: Vec<_> = own.map(|(_, name)| name.clone()).collect();
            let mut waiting: VecDeque<_> = before.iter().cloned().collect();
            let judgement = self.cluster.recorder().judge.judge_named_receipt(
                now(),
                self.node,
                &mut waiting,
                receipt,
            );
            let known = &before[..before.len() - waiting.len()];
            feed.retain(|(_, name)| !known.contains(name));
            self.acknowledge(known, |_, _, _| judgement);
        }
    }

    /// How an error of a named producer ends this run; `None` if the same call is to be made again.
    async fn end_after(&self, error: &ProducerError) -> Option<Fed> {
        match error {
            ProducerError::Append(AppendError::Fenced { partition }) => {
                let name = producer_name(self.input());
                self.cluster.recorder().mark("a fenced producer is told");
                let judgement = self.cluster.recorder().judge.judge_fenced(
                    now(),
                    self.node,
                    (partition, &name),
                );
                self.cluster.record_judgement(judgement);
                Some(Fed::Fenced)
            }
            ProducerError::Append(error) if is_unknown(error) => {
                sleep(Duration::from_millis(200)).await;
                None
            }
            ProducerError::Append(error) if self.is_locked_out(error) => {
                self.wait_for_access().await;
                None
            }
            error => {
                let what = format!("a named producer failed: {error}");
                self.cluster.record_unexplained(self.node, what);
                Some(Fed::Failed)
            }
        }
    }
}

fn is_unknown(error: &AppendError) -> bool {
    match error {
        AppendError::Unsettled(_) => true,
        AppendError::Store(error) => StoreError::is_transient(error),
        _ => false,
    }
}
