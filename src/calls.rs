//! Reads the decision logs of production: which calls a process made, and what it heard of them.

use std::collections::BTreeMap;
use std::io::BufRead;

use gapless::{Live, LogLine};
use gapless_model::history::{Call, Heard};
use gapless_model::log::{CALLS_VERSION, FORMAT};
use serde::Deserialize;

use crate::failure::Failure;
use crate::files;
use crate::input::Input;

/// The calls of several processes, and where each stands.
#[derive(Default)]
pub struct Calls {
    pub calls: Vec<Call<Live>>,
    /// For each call its log, the line of its request, and its sender.
    pub places: Vec<Place>,
}

/// Where a call stands.
pub struct Place {
    /// The log, by its place on the command line.
    pub log: usize,
    /// The line of the request, from 1.
    pub line: u64,
    /// The sender.
    pub who: String,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
    #[serde(default)]
    source: String,
}

impl Calls {
    /// Reads one more log.
    pub fn read(&mut self, log: usize, input: &Input) -> Result<(), Failure> {
        let mut lines = files::open(input)?;
        let unreadable = |source| Failure::Read { input: input.clone(), source };
        let wrong = |line: u64, what: String| Failure::InputLine {
            input: input.clone(),
            line,
            what,
            help: "the logs of --decisions can be validated; nothing was".to_owned(),
        };
        let mut known: BTreeMap<u64, usize> = BTreeMap::new();
        let mut text = String::new();
        for number in 1_u64.. {
            text.clear();
            if lines.read_line(&mut text).map_err(unreadable)? == 0 {
                if number == 1 {
                    return Err(wrong(1, "the log is empty, without even a header".to_owned()));
                }
                break;
            }
            // A process that was killed can leave half a line.
            if !text.ends_with('\n') {
                break;
            }
            if number == 1 {
                is_log(&text).map_err(|what| wrong(1, what))?;
                continue;
            }
            let line: LogLine<'_> = serde_json::from_str(&text)
                .map_err(|error| wrong(number, format!("it is no line of such a log: {error}")))?;
            self.take(log, number, line, &mut known).map_err(|what| wrong(number, what))?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        log: usize,
        number: u64,
        line: LogLine<'_>,
        known: &mut BTreeMap<u64, usize>,
    ) -> Result<(), String> {
        let mut answer = |call: u64, heard: Heard<Live>| {
            let index = known.get(&call).ok_or_else(|| format!("nothing asked for call {call}"))?;
            match std::mem::replace(&mut self.calls[*index].heard, heard) {
                Heard::Nothing => Ok(()),
                Heard::Refusal | Heard::Reply(..) => Err(format!("call {call} has two answers")),
            }
        };
        match line {
            LogLine::Asked { call, at, who, request } => {
                if known.insert(call, self.calls.len()).is_some() {
                    return Err(format!("call {call} was made before"));
                }
                let request = request.into_owned();
                self.calls.push(Call { process: log, sent: at, request, heard: Heard::Nothing });
                self.places.push(Place { log, line: number, who: who.into_owned() });
                Ok(())
            }
            LogLine::Heard { call, at, reply } => {
                answer(call, Heard::Reply(at, reply.into_owned()))
            }
            LogLine::Failed { unknown: true, .. } => Ok(()),
            LogLine::Failed { call, unknown: false, .. } => answer(call, Heard::Refusal),
            other => Err(format!("there is no such line: {other:?}")),
        }
    }
}

/// Whether a header is that of a log of production.
fn is_log(text: &str) -> Result<(), String> {
    let header: Header =
        serde_json::from_str(text).map_err(|error| format!("this is no header: {error}"))?;
    match (header.format.as_str(), header.source.as_str(), header.version) {
        (FORMAT, "production", CALLS_VERSION) => Ok(()),
        (FORMAT, "production", version) => {
            Err(format!("the log has version {version}, and this build reads {CALLS_VERSION}"))
        }
        (FORMAT, source, _) => Err(format!(
            "the log is of {source:?} and not of production: `gapless replay` and \
             `gapless check --replay` read it"
        )),
        (format, ..) => Err(format!("the format is {format:?}, and should be {FORMAT:?}")),
    }
}
