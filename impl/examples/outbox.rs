//! An outbox, relayed into the stream by a named producer. The relay keeps no state of its own: it
//! is run again from the beginning, also after it was killed, and appends nothing twice.
//!
//! The application writes its row and the outbox row in one transaction of its own database. Rows
//! have numbers that only grow, and those are the producer's numbers.
//!
//! `cargo run -p gapless --features embedded --example outbox`

use gapless::embedded::Engine;
use gapless::{Config, Event, Layout, Number, ProducerError, Stream, Target};

/// The name under which the stream remembers how far the outbox was relayed.
const RELAY: &str = "outbox-relay";
/// At most this many rows share a slot.
const BATCH: usize = 2;

/// A row of the outbox table.
struct Row {
    number: u64,
    customer: &'static str,
    what: String,
}

impl Row {
    fn event(&self) -> Event {
        Event::new(self.customer, self.what.as_str())
    }
}

/// Stands for the application's database.
#[derive(Default)]
struct Outbox(Vec<Row>);

impl Outbox {
    fn commit(&mut self, customer: &'static str, what: impl Into<String>) {
        let number = self.0.len() as u64 + 1;
        self.0.push(Row { number, customer, what: what.into() });
    }
}

/// Relays the whole outbox. Tells how many rows it appended, and how many were there before.
async fn relay(outbox: &Outbox, stream: &Stream) -> Result<(u32, u64), ProducerError> {
    // One run at a time has this name; a later run fences out an earlier one that still hangs.
    let mut producer = stream.producer(RELAY).batches_of(BATCH);
    let mut receipts = Vec::new();
    for row in &outbox.0 {
        receipts.extend(producer.push(Number(row.number), row.event()).await?);
    }
    let (last, skipped) = producer.finish().await?;
    receipts.extend(last);
    Ok((receipts.iter().map(|receipt| receipt.events).sum(), skipped))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Engine::memory()?.client();
    let stream = Stream::create(client, Config::new("crm-").layout(Layout::fixed(2)?)).await?;
    let mut outbox = Outbox::default();
    for n in 0..10 {
        outbox.commit(["alice", "bob", "carol"][n % 3], format!("change {n}"));
    }

    // A relay that is killed on the way: full batches are in the stream, what waited is not. Killed
    // between a batch's number and its slot, it would leave a gap that the next run fills.
    let mut killed = stream.producer(RELAY).batches_of(BATCH);
    for row in &outbox.0[..8] {
        killed.push(Number(row.number), row.event()).await?;
    }
    drop(killed);
    let before = stream.read(Target::Everything).collect().await?.len();
    println!("a killed relay left {before} of 10 rows in the stream");
    assert!(0 < before && before < 8);

    let (appended, skipped) = relay(&outbox, &stream).await?;
    println!("run again, it appended {appended} and skipped {skipped}");
    assert_eq!(u64::from(appended) + skipped, 10);

    let (appended, skipped) = relay(&outbox, &stream).await?;
    println!("and again: {appended} and {skipped}");
    assert_eq!((appended, skipped), (0, 10));

    outbox.commit("alice", "change 10");
    assert_eq!(relay(&outbox, &stream).await?, (1, 10));

    let all = stream.read(Target::Everything).collect().await?;
    let mut texts: Vec<_> = all.iter().filter_map(|recorded| recorded.event.text()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!((all.len(), texts.len()), (11, 11), "every row is there once");
    let of_alice = stream.read(Target::Key("alice".to_owned())).collect().await?;
    let of_alice: Vec<_> = of_alice.iter().filter_map(|recorded| recorded.event.text()).collect();
    println!("alice, in order: {of_alice:?}");
    assert_eq!(of_alice, ["change 0", "change 3", "change 6", "change 9", "change 10"]);
    Ok(())
}
