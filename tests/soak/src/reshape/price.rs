//! What a split and a merge cost, in requests and units: with nothing else at work, so the figures are the
//! same each time.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use gapless::{
    Delivery, Event, HandlerError, Layout, Number, PartitionId, Producer, Stream, TurnOutcome,
};
use serde::Serialize;

use super::link;
use super::meter::{Meter, Units};

/// What one call cost.
#[derive(Clone, Debug, Serialize)]
pub struct Price {
    pub what: String,
    pub requests: u64,
    pub write_units: f64,
    pub read_units: f64,
}

/// A process that knows of the stream what it has found out by itself.
struct Party {
    stream: Stream,
    meter: Arc<Meter>,
}

/// All that take part, and the prices so far.
struct Market {
    unnamed: Party,
    named: Party,
    feed: Producer,
    reader: Party,
    /// A key of each half of the first partition. The prices are those of the first one's partition.
    keys: [String; 2],
    last: u64,
    prices: Vec<Price>,
}

const PREFIX: &str = "price-";

/// Measures a split and a merge, and what the first call of each kind behind it costs beside a later one.
pub async fn measure(endpoint: &str) -> anyhow::Result<Vec<Price>> {
    Stream::create(link::client(endpoint), link::config(PREFIX)).await?;
    let named = party(endpoint).await?;
    let mut market = Market {
        unnamed: party(endpoint).await?,
        feed: named.stream.producer("named"),
        named,
        reader: party(endpoint).await?,
        keys: keys_of_halves()?,
        last: 0,
        prices: Vec::new(),
    };
    let root = market.unnamed.stream.route(&market.keys[0]);
    // The first of each kind makes items, opens connections and claims the partition.
    market.append("", 0).await?;
    market.append_named("", 0).await?;
    market.take_turn("", &root).await?;
    market.go_round("before", &root).await?;

    // An operator is a new process, which knows nothing of what others did.
    let operator = party(endpoint).await?;
    operator.meter.take();
    let halves = operator.stream.split(&root).await?;
    market.charge("a split", &operator.meter);
    let leaf = market.go_on("a split", std::slice::from_ref(&root)).await?;
    ensure!(leaf == halves[0], "the first key is in {leaf}, and not in {}", halves[0]);

    // So that the other half is used as well: an unused one is made by the merge.
    market.append("", 1).await?;
    market.append_named("", 1).await?;
    market.take_turn("", &halves[1]).await?;
    let operator = party(endpoint).await?;
    operator.meter.take();
    let merged = operator.stream.merge(&halves).await?;
    market.charge("a merge", &operator.meter);
    let leaf = market.go_on("a merge", &halves).await?;
    ensure!(leaf == merged, "the first key is in {leaf}, and not in {merged}");
    Ok(market.prices)
}

/// A key of each half of the key space.
fn keys_of_halves() -> anyhow::Result<[String; 2]> {
    let layout = Layout::Fixed { bits: 1 };
    let halves = layout.all().context("a fixed layout has partitions")?;
    let key_of = |half: &PartitionId| {
        let mut names = (0..).map(|number: u64| format!("order-{number}"));
        names.find(|name| layout.route(name) == *half)
    };
    let keys: Option<Vec<String>> = halves.iter().map(key_of).collect();
    let keys = keys.and_then(|keys| keys.try_into().ok());
    keys.context("each half has a key")
}

async fn party(endpoint: &str) -> anyhow::Result<Party> {
    let (client, meter) = link::counted(endpoint);
    Ok(Party { stream: Stream::open(client, link::config(PREFIX)).await?, meter })
}

impl Market {
    /// Appends and consumes behind an operation, until all is as before. Returns where the key is now.
    async fn go_on(
        &mut self,
        operation: &str,
        parents: &[PartitionId],
    ) -> anyhow::Result<PartitionId> {
        let leaf = self.append(&format!("an append, first behind {operation}"), 0).await?;
        self.append_named(&format!("a named append, first behind {operation}"), 0).await?;
        for parent in parents {
            self.take_turn(&format!("the turn that drains {parent}"), parent).await?;
        }
        self.take_turn(&format!("the first turn behind {operation}"), &leaf).await?;
        self.go_round(&format!("behind {operation}"), &leaf).await?;
        Ok(leaf)
    }

    /// What each call costs in the steady state.
    async fn go_round(&mut self, when: &str, leaf: &PartitionId) -> anyhow::Result<()> {
        self.append(&format!("an append, {when}"), 0).await?;
        self.append_named(&format!("a named append, {when}"), 0).await?;
        self.take_turn(&format!("a turn, {when}"), leaf).await
    }

    async fn append(&mut self, what: &str, key: usize) -> anyhow::Result<PartitionId> {
        self.unnamed.meter.take();
        let event = Event::new(self.keys[key].as_str(), "unnamed");
        let receipt = self.unnamed.stream.append(event).await?;
        self.charge(what, &Arc::clone(&self.unnamed.meter));
        Ok(receipt.partition)
    }

    async fn append_named(&mut self, what: &str, key: usize) -> anyhow::Result<()> {
        self.last += 1;
        self.named.meter.take();
        self.feed.push(Number(self.last), Event::new(self.keys[key].as_str(), "named")).await?;
        self.feed.flush().await?;
        self.charge(what, &Arc::clone(&self.named.meter));
        Ok(())
    }

    async fn take_turn(&mut self, what: &str, partition: &PartitionId) -> anyhow::Result<()> {
        let handler = async |_: Delivery| Ok::<(), HandlerError>(());
        let worker = self.reader.stream.worker(link::GROUP, handler);
        self.reader.meter.take();
        let report = worker.take_turn(partition).await?;
        ensure!(report.outcome == TurnOutcome::CaughtUp, "a turn on {partition}: {report:?}");
        self.charge(what, &Arc::clone(&self.reader.meter));
        Ok(())
    }

    /// Notes what was used since the meter was last asked. What has no name is not noted.
    fn charge(&mut self, what: &str, meter: &Meter) {
        let Units { requests, written, read } = meter.take();
        if !what.is_empty() {
            let what = what.to_owned();
            self.prices.push(Price { what, requests, write_units: written, read_units: read });
        }
    }
}
