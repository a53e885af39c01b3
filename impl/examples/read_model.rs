//! A read model in the process: it catches up with what is there, follows what comes, and stops.
//!
//! It keeps no checkpoint. After a restart it reads from the beginning, or from the position that it
//! stored with its own data. A model that several processes share belongs into a group instead.
//!
//! `cargo run -p gapless --features embedded --example read_model`

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, join};
use gapless::embedded::Engine;
use gapless::{Config, Event, Layout, Recorded, Stop, Stream, Target};

/// How many pieces of each product are in stock.
#[derive(Debug, Default)]
struct Stock(BTreeMap<String, i64>);

impl Stock {
    fn apply(&mut self, recorded: &Recorded) {
        let change = recorded.event.text().and_then(|text| text.parse::<i64>().ok());
        *self.0.entry(recorded.event.key.clone()).or_default() += change.unwrap_or_default();
    }
}

fn change((product, by): (&str, i64)) -> Event {
    Event::new(product, by.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Engine::memory()?.client();
    let stream = Stream::create(client, Config::new("stock-").layout(Layout::fixed(2)?)).await?;
    for delivered in [("apple", 10), ("pear", 5), ("apple", -3)] {
        stream.append(change(delivered)).await?;
    }

    let mut stock = Stock::default();
    let stop = Stop::new();

    let following = async {
        // It reads what is there, then looks for more ten times a second, and does not end by itself.
        let every = Duration::from_millis(100);
        let mut events = pin!(stream.read(Target::Everything).follow(every).events());
        let mut applied = 0;
        loop {
            match select(pin!(stop.wait()), events.next()).await {
                // To drop a read is to end it: there is no lease and nothing to hand over.
                Either::Left(((), _)) | Either::Right((None, _)) => return Ok(applied),
                Either::Right((Some(event), _)) => {
                    let event = event?;
                    stock.apply(&event);
                    applied += 1;
                    println!("{} {}: {:?}", event.partition, event.position, stock.0);
                }
            }
        }
    };
    let selling = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        println!("meanwhile, four apples are sold and a pear comes in");
        for moved in [("apple", -4), ("pear", 1)] {
            stream.append(change(moved)).await?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.request();
        Ok::<(), gapless::AppendError>(())
    };
    let (applied, sold): (Result<u32, gapless::StoreError>, _) = join!(following, selling);
    sold?;

    assert_eq!(applied?, 5);
    assert_eq!(stock.0["apple"], 3);
    assert_eq!(stock.0["pear"], 6);
    println!("stopped with {:?}", stock.0);
    Ok(())
}
