//! `gapless validate`: whether the decision logs of several processes fit together.

use std::io::Write as _;
use std::time::Duration;

use comfy_table::Table;
use gapless::Live;
use gapless_model::history::{Call, Doubts, Heard, Unexplained, explain};
use gapless_model::store::{reply_words, request_words};
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::counted::counted;
use crate::calls::{Calls, Place};
use crate::cli::ValidateArgs;
use crate::failure::Failure;
use crate::files;
use crate::output;
use crate::progress::spinner;
use crate::report::table::plain;
use crate::status::Status;

/// The most calls that are shown beside one that nothing explains.
const SHOWN: usize = 12;

/// Validates logs.
pub fn run(args: &ValidateArgs) -> Result<Status, Failure> {
    files::try_files(&args.json)?;
    let bar = spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut read = Calls::default();
    for (log, input) in args.logs.iter().enumerate() {
        bar.set_message(format!("reading {input}"));
        read.read(log, input)?;
    }
    read.are_alike(&args.logs)?;
    bar.set_message(format!("{} calls", HumanCount(read.calls.len() as u64)));
    let doubts = Doubts { skew: args.skew, hidden_retries: !args.no_hidden_retries };
    let found = explain(&read.calls, &doubts, args.most_steps);
    bar.finish_and_clear();

    let findings = Findings { args, read: &read, found: &found };
    let written = args.json.as_ref().map_or(Ok(()), |path| {
        let text = serde_json::to_string_pretty(&findings.json()).unwrap_or_default();
        files::write(path, &(text + "\n"))
    });
    let told = findings.tell();
    written.and(told)?;
    Ok(match found {
        Ok(()) => Status::Holds,
        Err(Unexplained::Answer { .. }) => Status::Violated,
        Err(Unexplained::GivenUp { .. }) => Status::Unfinished,
    })
}

/// What was found in the logs.
struct Findings<'a> {
    args: &'a ValidateArgs,
    read: &'a Calls,
    found: &'a Result<(), Unexplained<Live>>,
}

impl Findings<'_> {
    fn tell(&self) -> Result<(), Failure> {
        let mut out = output::verdict();
        let (logs, calls) = (self.args.logs.len(), self.read.calls.len());
        writeln!(
            out,
            "{} on {} in {}, {} without an answer",
            counted(calls as u64, "call"),
            counted(self.partitions() as u64, "partition"),
            counted(logs as u64, "log"),
            HumanCount(self.unheard() as u64),
        )?;
        match self.found {
            Ok(()) => writeln!(out, "explained: some order of them gives every answer")?,
            Err(Unexplained::GivenUp { call }) => writeln!(
                out,
                "given up after {} steps at {}: --most-steps allows more",
                HumanCount(self.args.most_steps),
                self.place(*call),
            )?,
            Err(Unexplained::Answer { call, instead }) => {
                writeln!(out, "\n{}", self.place(*call))?;
                writeln!(out, "  {} asked: {}", self.at(*call).who, self.asked(*call))?;
                writeln!(out, "  and heard: {}", self.heard(*call))?;
                writeln!(out, "No order of the calls explains that answer.")?;
                let instead = reply_words(instead);
                writeln!(out, "In the order that comes nearest it would be: {instead}")?;
                writeln!(out, "\nThe calls on that partition until then:\n\n{}", self.near(*call))?;
            }
        }
        Ok(())
    }

    /// The last calls on a call's partition that were made before its answer came.
    fn near(&self, call: usize) -> Table {
        let end = heard_at(&self.read.calls[call]);
        let partition = self.read.calls[call].request.partition();
        let is_near = |other: &usize| {
            let other = &self.read.calls[*other];
            other.request.partition() == partition && end.is_none_or(|end| other.sent <= end)
        };
        let mut near: Vec<usize> = (0..self.read.calls.len()).filter(is_near).collect();
        near.sort_by_key(|&other| self.read.calls[other].sent);
        let near = &near[near.len().saturating_sub(SHOWN)..];
        let begin = near.first().map(|&first| self.read.calls[first].sent).unwrap_or_default();
        let mut table = plain(["", "asked", "heard", "who", "request", "answer"]);
        for &other in near {
            let shown = &self.read.calls[other];
            let after = |at: gapless::Timestamp| format!("+{} ms", at.since(begin).as_millis());
            table.add_row([
                if other == call { "→".to_owned() } else { String::new() },
                after(shown.sent),
                heard_at(shown).map(after).unwrap_or_default(),
                self.at(other).who.clone(),
                self.asked(other),
                self.heard(other),
            ]);
        }
        table
    }

    fn json(&self) -> Value {
        let unexplained = match self.found {
            Ok(()) => Value::Null,
            Err(Unexplained::GivenUp { call }) => {
                json!({ "log": self.log(*call), "line": self.at(*call).line })
            }
            Err(Unexplained::Answer { call, instead }) => json!({
                "log": self.log(*call),
                "line": self.at(*call).line,
                "who": self.at(*call).who,
                "request": self.asked(*call),
                "answer": self.heard(*call),
                "instead": reply_words(instead),
            }),
        };
        let verdict = match self.found {
            Ok(()) => "explained",
            Err(Unexplained::Answer { .. }) => "unexplained",
            Err(Unexplained::GivenUp { .. }) => "given-up",
        };
        json!({
            "format": "gapless-validate", "version": 1,
            "logs": self.args.logs.len(), "calls": self.read.calls.len(),
            "partitions": self.partitions(), "without-answer": self.unheard(),
            "verdict": verdict, "unexplained": unexplained,
        })
    }

    fn at(&self, call: usize) -> &Place {
        &self.read.places[call]
    }

    fn log(&self, call: usize) -> String {
        self.args.logs[self.at(call).log].to_string()
    }

    fn place(&self, call: usize) -> String {
        format!("{}: line {}", self.log(call), self.at(call).line)
    }

    fn asked(&self, call: usize) -> String {
        request_words(&self.read.calls[call].request)
    }

    fn heard(&self, call: usize) -> String {
        match &self.read.calls[call].heard {
            Heard::Reply(_, reply) => reply_words(reply),
            Heard::Refusal => "an error: it was not applied".to_owned(),
            Heard::Nothing => "nothing".to_owned(),
        }
    }

    fn partitions(&self) -> usize {
        let partitions = self.read.calls.iter().map(|call| call.request.partition());
        partitions.collect::<std::collections::BTreeSet<_>>().len()
    }

    fn unheard(&self) -> usize {
        let nothing = |call: &&Call<Live>| matches!(call.heard, Heard::Nothing);
        self.read.calls.iter().filter(nothing).count()
    }
}

fn heard_at(call: &Call<Live>) -> Option<gapless::Timestamp> {
    match call.heard {
        Heard::Reply(at, _) => Some(at),
        Heard::Refusal | Heard::Nothing => None,
    }
}
