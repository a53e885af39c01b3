//! `gapless read` and `gapless tail`: events without a group.

use std::io::{Write as _, stdout};
use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use gapless::{StoreError, Stream, Target};

use super::ending::{interrupted, output_closed};
use super::event_line::add_event_line;
use super::lineage::check_partition;
use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::stream::ReadArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Whether to wait for more at the end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// `gapless read` ends there.
    No,
    /// `gapless tail` waits for more.
    Yes,
}

/// Prints events as NDJSON.
pub fn run(args: &ReadArgs, follow: Follow) -> Result<Status, Failure> {
    if follow == Follow::Yes && args.last.is_some() {
        return Err(Failure::Usage {
            what: "--last goes with `gapless read` alone".to_owned(),
            help: "`gapless tail --from` begins at a position".to_owned(),
        });
    }
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let target = match (&args.key, &args.partition) {
            (Some(key), _) => Target::Key(key.clone()),
            (None, Some(partition)) => {
                check_partition(&stream, partition).await?;
                Target::Partition(partition.clone())
            }
            (None, None) => Target::Everything,
        };
        if let Some(most) = args.last {
            return print_newest(&stream, &target, most.get()).await;
        }
        let mut read = stream.read(target).from(args.from);
        if follow == Follow::Yes {
            read = read.follow(Duration::from_millis(250));
        }
        let mut events = pin!(read.events());
        let mut ended = pin!(async {
            tokio::select! { () = interrupted() => {}, () = output_closed() => {} }
        });
        let mut out = stdout();
        loop {
            let next = tokio::select! {
                next = events.next() => next,
                () = &mut ended => None,
            };
            let Some(event) = next else { return Ok(Status::Holds) };
            let event = event
                .map_err(|error| use_failure("the events cannot be read", &error, READ_ONLY))?;
            let mut line = Vec::new();
            add_event_line(&mut line, &event)?;
            out.write_all(&line)?;
        }
    })
}

/// Prints the newest events of each partition, in their order.
async fn print_newest(stream: &Stream, target: &Target, most: usize) -> Result<Status, Failure> {
    let failed = |error: StoreError| use_failure("the events cannot be read", &error, READ_ONLY);
    let targets = match target {
        Target::Everything => {
            let all = stream.partitions().await.map_err(failed)?;
            all.into_iter().map(Target::Alone).collect()
        }
        one => vec![one.clone()],
    };
    for target in targets {
        let newest = stream.read_back(target).take(most).try_collect::<Vec<_>>().await;
        let mut lines = Vec::new();
        for event in newest.map_err(failed)?.iter().rev() {
            add_event_line(&mut lines, event)?;
        }
        stdout().write_all(&lines)?;
    }
    Ok(Status::Holds)
}
