//! Workers that come and go: one is asked to stop, one has a deadline (as a function has), and each
//! time the next goes on at once where the last one ended. Nothing is delivered twice.
//!
//! `cargo run -p gapless --features embedded --example graceful_shutdown`

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::join;
use gapless::embedded::Engine;
use gapless::{Config, Delivery, Event, HandlerError, Stream, Timestamp, Worker};

const EVENTS: u64 = 40;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Engine::memory()?.client();
    // After a crash it would take this long until another worker may go on.
    let lease = Duration::from_secs(10);
    let stream = Stream::create(client, Config::new("jobs-").lease(lease)).await?;

    let done = Mutex::new(Vec::new());
    let worker = |name| -> Worker<_> {
        let done = &done;
        let handler = async move |delivery: Delivery| {
            for recorded in delivery.events() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let text = recorded.event.text().unwrap_or_default().to_owned();
                done.lock().expect("no handler panics").push(text);
            }
            Ok::<(), HandlerError>(())
        };
        stream.worker("jobs", handler).name(name)
    };
    let appending = async {
        for n in 0..EVENTS {
            stream.append(Event::new("job", n.to_string())).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<(), gapless::AppendError>(())
    };
    let began = Instant::now();

    let consuming = async {
        // In a service this is what a signal handler does.
        let first = worker("first");
        let stop = first.stopper();
        let asked = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            stop.request();
        };
        let (first, ()) = join!(first.run(), asked);
        let first = first?;
        println!("the first was asked to stop, and finished {} events", first.events);

        // A function knows when it will be ended. So much before that it takes no new delivery.
        let now = stream.now().as_millis();
        let second = worker("second")
            .deadline(Timestamp::from_millis(now + 500), Duration::from_millis(200));
        let second = second.run().await?;
        println!("the second had half a second, and finished {}", second.events);
        let lease = stream.status().await?[0].groups[0].lease.clone();
        println!("it gave the lease up at checkpoint {}", lease.checkpoint);
        assert!(!lease.active);
        Ok::<u64, Box<dyn std::error::Error>>(first.events + second.events)
    };
    let (appended, consumed) = join!(appending, consuming);
    appended?;
    let consumed = consumed?;

    let rest = worker("third").until_caught_up().await?;
    println!("the third found {} left", rest.events);

    let expected: Vec<_> = (0..EVENTS).map(|n| n.to_string()).collect();
    assert_eq!(consumed + rest.events, EVENTS);
    assert_eq!(*done.lock().expect("no handler panics"), expected, "each once, in order");
    assert!(began.elapsed() < lease, "nobody waited for a lease to end");
    Ok(())
}
