//! The decision logs of production: which calls a process made, and what it heard of them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

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
    /// For each process its log, and whether that has payloads.
    processes: Vec<(usize, bool)>,
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
    #[serde(default)]
    payloads: bool,
}

impl Calls {
    /// Reads one more log, which can have the logs of several processes, one after the other.
    pub fn read(&mut self, log: usize, input: &Input) -> Result<(), Failure> {
        let mut lines = files::open(input)?;
        let unreadable = |source| Failure::Read { input: input.clone(), source };
        let wrong = |(line, what): (u64, String)| Failure::InputLine {
            input: input.clone(),
            line,
            what,
            help: "the logs of --decisions can be validated; nothing was".to_owned(),
        };
        let mut known = BTreeMap::new();
        // A line that is none. A process that was killed can leave half of one behind.
        let mut torn: Option<(u64, String)> = None;
        let mut bytes = Vec::new();
        for number in 1_u64.. {
            bytes.clear();
            let ended = lines.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0;
            match (number, ended) {
                (1, true) => {
                    return Err(wrong((1, "the log is empty, without even a header".to_owned())));
                }
                (_, true) => break,
                _ => {}
            }
            if number == 1 || bytes.starts_with(b"{\"format\"") {
                let payloads = header(&bytes).map_err(|what| wrong((number, what)))?;
                (torn, known) = (None, BTreeMap::new());
                self.processes.push((log, payloads));
                continue;
            }
            if let Some(torn) = torn {
                return Err(wrong(torn));
            }
            match line(&bytes) {
                Ok(line) => {
                    let taken = self.take(number, line, &mut known);
                    taken.map_err(|what| wrong((number, what)))?;
                }
                // The last line, which has no end.
                Err(_) if !bytes.ends_with(b"\n") => break,
                Err(what) => torn = Some((number, what)),
            }
        }
        torn.map_or(Ok(()), |torn| Err(wrong(torn)))
    }

    /// Looks whether all logs have payloads, or none: an event and its digest are not the same.
    pub fn are_alike(&self, logs: &[Input]) -> Result<(), Failure> {
        let with = self.processes.iter().find(|(_, payloads)| *payloads);
        let without = self.processes.iter().find(|(_, payloads)| !payloads);
        match (with, without) {
            (Some((with, _)), Some((without, _))) => Err(Failure::Usage {
                what: format!(
                    "{} has the events and {} their digests, which cannot be compared",
                    logs[*with], logs[*without]
                ),
                help: "write all logs with --payloads, or all without".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn take(
        &mut self,
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
                let process = self.processes.len() - 1;
                let (log, _) = self.processes[process];
                let request = request.into_owned();
                self.calls.push(Call { process, sent: at, request, heard: Heard::Nothing });
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

/// Reads a header of a log of production; whether the log has payloads.
fn header(bytes: &[u8]) -> Result<bool, String> {
    let header: Header =
        serde_json::from_slice(bytes).map_err(|error| format!("this is no header: {error}"))?;
    match (header.format.as_str(), header.source.as_str(), header.version) {
        (FORMAT, "production", CALLS_VERSION) => Ok(header.payloads),
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

/// Reads a line that is no header.
fn line(bytes: &[u8]) -> Result<LogLine<'static>, String> {
    if has_a_huge_number(bytes) {
        return Err("a number in it is larger than any that is given out".to_owned());
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it is no line of such a log: {error}"))
}

/// Whether there is a number of 19 digits or more outside of text.
fn has_a_huge_number(bytes: &[u8]) -> bool {
    let (mut in_text, mut escaped, mut digits) = (false, false, 0);
    bytes.iter().any(|byte| {
        digits = if !in_text && byte.is_ascii_digit() { digits + 1 } else { 0 };
        if *byte == b'"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && *byte == b'\\' && !escaped;
        digits >= 19
    })
}

/// Opens a file to add a log to it, behind those of earlier runs.
pub fn open_for_writing(path: &Path) -> Result<File, Failure> {
    let unwritable = |source| Failure::Write { path: path.to_owned(), source };
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    let mut file = OpenOptions::new()
        .read(is_file)
        .append(true)
        .create(true)
        .open(path)
        .map_err(unwritable)?;
    if !is_file {
        return Ok(file);
    }
    let mut first = Vec::new();
    BufReader::new(&file).read_until(b'\n', &mut first).map_err(unwritable)?;
    if first.is_empty() {
        return Ok(file);
    }
    header(&first).map_err(|what| Failure::Usage {
        what: format!("{} is there, and no log can be added to it: {what}", path.display()),
        help: "give --decisions another file".to_owned(),
    })?;
    let mut last = [0];
    let mut end_line = || {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        // An earlier run was killed in the middle of a line.
        if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
    };
    end_line().map_err(unwritable)?;
    Ok(file)
}
