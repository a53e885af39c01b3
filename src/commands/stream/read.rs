//! `gapless read` and `gapless tail`: events without a group.

use std::io::{Write as _, stdout};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use gapless::Target;

use super::{add_line, block_on, interrupted, open, unused};
use crate::cli::stream::ReadArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Whether to go on at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// End there.
    No,
    /// Wait for more.
    Yes,
}

/// Prints events as NDJSON.
pub fn run(args: &ReadArgs, follow: Follow) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _reached) = open(&args.place).await?;
        let target = match (&args.key, &args.partition) {
            (Some(key), _) => Target::Key(key.clone()),
            (None, Some(partition)) => {
                if !stream.layout().has(partition) {
                    return Err(Failure::Option(
                        format!("`{partition}` is not a partition of this stream"),
                        "`gapless status` lists them".to_owned(),
                    ));
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
        let mut interrupt = pin!(interrupted());
        let mut out = stdout();
        loop {
            let next = tokio::select! {
                next = events.next() => next,
                () = &mut interrupt => None,
            };
            let Some(event) = next else { return Ok(Status::Holds) };
            let event = event.map_err(|error| unused("the events cannot be read", error))?;
            let mut line = Vec::new();
            add_line(&mut line, &event)?;
            out.write_all(&line)?;
        }
    })
}
