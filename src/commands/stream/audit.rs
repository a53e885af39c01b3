//! `gapless audit`: holds the tables against the protocol's promises.

use std::io::Write as _;

use gapless::Audit;
use indicatif::ProgressBar;
use serde_json::json;

use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::stream::LookArgs;
use crate::commands::counted::counted;
use crate::failure::Failure;
use crate::output;
use crate::status::Status;

/// Reads all tables, and exits with 1 if they hold what the protocol never leaves behind.
pub fn run(args: &LookArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let bar = ProgressBar::new_spinner();
        let progress = |audit: &Audit| {
            bar.set_message(counted(audit.slots + audit.voids, "slot"));
            bar.tick();
        };
        let audited = stream.audit(progress).await;
        bar.finish_and_clear();
        let audit = audited
            .map_err(|error| use_failure("the tables cannot be audited", &error, READ_ONLY))?;
        let mut out = output::verdict();
        if args.place.json {
            writeln!(out, "{}", json!(audit))?;
        } else {
            print(&mut out, &audit)?;
        }
        Ok(if audit.findings.is_empty() { Status::Holds } else { Status::Violated })
    })
}

/// Prints each finding, and what was examined.
pub fn print(out: &mut impl std::io::Write, audit: &Audit) -> Result<(), Failure> {
    for finding in &audit.findings {
        writeln!(out, "{finding}")?;
    }
    let findings = match audit.findings.len() as u64 {
        0 => "nothing wrong".to_owned(),
        count => counted(count, "finding"),
    };
    writeln!(
        out,
        "{findings} in {}: {} in {}, {} void, {} open",
        counted(audit.partitions, "partition"),
        counted(audit.events, "event"),
        counted(audit.slots, "slot"),
        audit.voids,
        audit.open,
    )?;
    Ok(())
}
