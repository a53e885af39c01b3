//! The prober: for each of its keys one append after another, so that a key is never without one to make.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gapless::{Stop, Stream};
use tokio::task::JoinSet;

use crate::reshape::events::{Entry, Source, probed_keys};
use crate::reshape::lines::{self, Acknowledged};
use crate::reshape::link;
use crate::reshape::moment::Moment;

type Out = Arc<Mutex<std::fs::File>>;

/// Appends until it is asked to stop. Each key has a handle of its own, which meets every seal by itself,
/// as if it were the only one of its process.
pub async fn probe(endpoint: &str, out: &Path, stop: &Stop) -> anyhow::Result<()> {
    let client = link::client(endpoint);
    let out: Out = Arc::new(Mutex::new(lines::append_to(out)?));
    let mut probes = JoinSet::new();
    for key in probed_keys() {
        let stream = link::open(client.clone()).await?;
        probes.spawn(probe_key(stream, key, Arc::clone(&out), stop.clone()));
    }
    while let Some(ended) = probes.join_next().await {
        ended??;
    }
    Ok(())
}

async fn probe_key(stream: Stream, key: String, out: Out, stop: Stop) -> anyhow::Result<()> {
    for number in 1.. {
        if stop.is_requested() {
            break;
        }
        let event = Entry { source: Source::PROBER, number }.event(&key);
        let partition = stream.append(event).await?.partition;
        let acknowledged = Acknowledged { at: Moment::now(), key: key.clone(), number, partition };
        lines::write(&*out.lock().unwrap_or_else(PoisonError::into_inner), &acknowledged)?;
    }
    Ok(())
}
