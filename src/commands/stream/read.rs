//! `gapless read` and `gapless tail`: events without a group.

use std::io::{Write as _, stdout};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use gapless::Target;

use super::ending::{interrupted, output_closed};
use super::event_line::add_event_line;
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
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let target = match (&args.key, &args.partition) {
            (Some(key), _) => Target::Key(key.clone()),
            (None, Some(partition)) => {
                if !stream.layout().has(partition) {
                    return Err(Failure::Usage {
                        what: format!("`{partition}` is not a partition of this stream"),
                        help: "`gapless status` lists the partitions".to_owned(),
                    });
                }
                Target::Partition(partition.clone())
            }
            (None, None) => Target::Everything,
        };
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
