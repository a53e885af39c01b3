//! `gapless audit`: what the tables prove.

use std::io::{Write as _, stdout};

use gapless::Audit;
use indicatif::{HumanCount, ProgressBar};
use serde_json::json;

use super::{block_on, open, unused};
use crate::cli::stream::LookArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Reads all tables, and exits with 1 if something is there that the protocol never leaves behind.
pub fn run(args: &LookArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _reached) = open(&args.place).await?;
        let bar = ProgressBar::new_spinner();
        let progress = |audit: &Audit| {
            bar.set_message(format!("{} slots", HumanCount(audit.slots + audit.voids)));
            bar.tick();
        };
        let audited = stream.audit(progress).await;
        bar.finish_and_clear();
        let audit = audited.map_err(|error| unused("the tables cannot be audited", error))?;
        let mut out = stdout().lock();
        if args.place.json {
            writeln!(out, "{}", json!(audit))?;
        } else {
            print(&mut out, &audit)?;
        }
        Ok(if audit.findings.is_empty() { Status::Holds } else { Status::Violated })
    })
}

/// What was looked at and what was found, in words.
pub fn print(out: &mut impl std::io::Write, audit: &Audit) -> Result<(), Failure> {
    for finding in &audit.findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(
        out,
        "{} in {} partitions: {} events in {} slots, {} voided, {} open",
        match audit.findings.len() {
            0 => "nothing wrong".to_owned(),
            1 => "1 finding".to_owned(),
            many => format!("{many} findings"),
        },
        audit.partitions,
        HumanCount(audit.events),
        HumanCount(audit.slots),
        HumanCount(audit.voids),
        HumanCount(audit.open),
    )?;
    Ok(())
}
