//! What an append came to, and what its user should know when it stopped early.

use std::error::Error;

use gapless::{AppendError, ProducerError, Receipt, StoreError};

use super::events::Mistake;
use crate::cli::stream::AppendArgs;
use crate::failure::{Cause, Failure};

/// What was appended so far.
#[derive(Debug, Default)]
pub struct Done {
    /// Events.
    pub appended: u64,
    /// The slots that they share.
    pub slots: u64,
    /// Events that the log held already, appended by an earlier run of the producer.
    pub skipped: u64,
    /// The last line that is in the log together with all lines before it.
    pub line: u64,
}

impl Done {
    /// Counts what receipts prove.
    pub fn add(&mut self, receipts: &[Receipt]) {
        self.slots += receipts.len() as u64;
        self.appended += receipts.iter().map(|receipt| u64::from(receipt.events)).sum::<u64>();
    }
}

/// Why an append ended before its input did.
pub enum Stopped {
    /// A line is no event. Those before it were given to the stream.
    Line(Mistake),
    /// An append without a producer's name failed.
    Anonymous(AppendError),
    /// A named producer failed.
    Named(ProducerError),
    /// The process was asked to end.
    Interrupted,
    /// The input cannot be opened.
    Input(Failure),
}

impl Stopped {
    /// The failure that the user sees: it says what a rerun would do.
    pub fn failure(self, done: &Done, args: &AppendArgs) -> Failure {
        let rerun = match &args.producer {
            Some(_) => NAMED_RERUN.to_owned(),
            None => anonymous_rerun(done),
        };
        match self {
            Stopped::Input(failure) => failure,
            Stopped::Line(mistake) if done.appended + done.skipped == 0 => {
                mistake.failure(&args.input, "nothing was appended")
            }
            Stopped::Line(mistake) => {
                let help = match &args.producer {
                    Some(_) => rerun,
                    None => "the lines before it were appended: repair the line, and append only \
                             it and what follows"
                        .to_owned(),
                };
                mistake.failure(&args.input, &help)
            }
            Stopped::Interrupted => Failure::Usage { what: "interrupted".to_owned(), help: rerun },
            Stopped::Anonymous(error) => append_failure(&error, rerun),
            Stopped::Named(error) => {
                let help = match &error {
                    ProducerError::OtherInput { .. } => {
                        "give the producer its whole input again, from the first line, or choose \
                         another --producer name"
                            .to_owned()
                    }
                    ProducerError::Append(AppendError::Store(StoreError::TooManyProducers {
                        ..
                    })) => {
                        "give the same command again with a higher --most-producers: it appends only \
                         what is missing"
                            .to_owned()
                    }
                    ProducerError::Append(AppendError::Fenced { .. }) => {
                        "a producer has one run at a time: wait for the other run, or choose \
                         another --producer name"
                            .to_owned()
                    }
                    _ => rerun,
                };
                append_failure(&error, help)
            }
        }
    }
}

const NAMED_RERUN: &str = "with the same --producer and the same input, a rerun appends only what \
                           is missing";

/// What a rerun without a producer's name does: never promise that it duplicates nothing.
fn anonymous_rerun(done: &Done) -> String {
    let in_log = match done.line {
        0 => "some lines may be in the log".to_owned(),
        line => format!("lines 1 to {line} are in the log, and later ones may be"),
    };
    format!(
        "{in_log}; a rerun appends all of its input again. Runs with --producer NAME can be \
         repeated without duplicates"
    )
}

fn append_failure(error: &(dyn Error + 'static), help: String) -> Failure {
    Failure::Stream { what: "the events cannot be appended", help, source: Cause::of(error) }
}
