//! Appends events of several orders, and lets two groups consume them independently.
//!
//! `cargo run -p gapless --features embedded --example append_and_consume`

use std::collections::BTreeMap;
use std::sync::Mutex;

use gapless::embedded::Engine;
use gapless::{Config, Delivery, Event, HandlerError, Layout, Stream};

const ORDERS: [&str; 3] = ["order-17", "order-18", "order-19"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // On AWS: let client = aws_sdk_dynamodb::Client::new(&aws_config::load_from_env().await);
    let client = Engine::memory()?.client();
    let stream = Stream::create(client, Config::new("shop-").layout(Layout::fixed(4)?)).await?;

    for step in ["placed", "paid"] {
        for order in ORDERS {
            let receipt = stream.append(Event::new(order, step)).await?;
            println!("{order} {step}: {} in partition {}", receipt.position, receipt.partition);
        }
    }
    // Several events of one key into one slot: all or none, for the price of one.
    let shipped = ["packed", "shipped"].map(|step| Event::new(ORDERS[0], step));
    let receipt = stream.append_batch(shipped.into()).await?;
    println!("{} packed and shipped: one slot, from {}", ORDERS[0], receipt.position);
    assert_eq!(receipt.events, 2);

    for group in ["billing", "mail"] {
        let seen = Mutex::new(BTreeMap::<String, Vec<String>>::new());
        let worker = stream.worker(group, async |delivery: Delivery| {
            let mut seen = seen.lock().expect("no handler panics");
            for recorded in delivery.events() {
                let step = recorded.event.text().unwrap_or_default().to_owned();
                seen.entry(recorded.event.key).or_default().push(step);
            }
            Ok::<(), HandlerError>(())
        });
        let first = worker.until_caught_up().await?;
        // The checkpoint has moved, so there is nothing left for this group.
        let again = worker.until_caught_up().await?;

        let seen = seen.into_inner()?;
        println!("{group} saw {} events: {seen:?}", first.events);
        assert_eq!((first.events, again.events), (8, 0));
        assert_eq!(seen[ORDERS[0]], ["placed", "paid", "packed", "shipped"], "in order");
    }
    Ok(())
}
