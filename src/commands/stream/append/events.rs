//! The input of an append: NDJSON, an event a line.

use std::io::{BufRead, Lines};
use std::thread;
use std::time::Duration;

use gapless::{Event, Number};
use serde_json::Value;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, json_mistake};
use crate::files;
use crate::input::Input;

/// How many lines are read before the events that wait are appended.
pub const CHUNK: usize = 2000;

/// How long the next line is waited for before those that are there are appended.
const MOMENT: Duration = Duration::from_millis(50);

/// The events of an input, each with the number of its line.
pub struct InputEvents {
    lines: Lines<Box<dyn BufRead + Send>>,
    line: u64,
    key: Option<String>,
}

/// An event and the number of its line, or what is wrong with a line.
pub type InputEvent = Result<(Number, Event), Mistake>;

/// A line that is no event.
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Mistake {
    /// The failure that the user sees; `help` says what happened to the lines before.
    pub fn failure(self, input: &Input, help: &str) -> Failure {
        let Mistake { line, what } = self;
        Failure::InputLine { input: input.clone(), line, what, help: help.to_owned() }
    }
}

impl InputEvents {
    /// Opens the input. `key` is the field that holds an event's key.
    pub fn open(input: &Input, key: Option<&str>) -> Result<InputEvents, Failure> {
        Ok(InputEvents { lines: files::open(input)?.lines(), line: 0, key: key.map(str::to_owned) })
    }

    /// Reads on a thread of its own, so that Ctrl-C is heard while standard input is waited for.
    pub fn in_background(self) -> Receiver<InputEvent> {
        let (sender, receiver) = channel(CHUNK);
        thread::spawn(move || {
            for event in self {
                if sender.blocking_send(event).is_err() {
                    // The append ended early.
                    return;
                }
            }
        });
        receiver
    }
}

/// The next lines: as many as a chunk has, or fewer if no more come for a moment. None at the end.
pub async fn next_lines(input: &mut Receiver<InputEvent>) -> Vec<InputEvent> {
    let mut lines = Vec::new();
    if input.recv_many(&mut lines, CHUNK).await == 0 {
        return lines;
    }
    let ends = Instant::now() + MOMENT;
    while lines.len() < CHUNK {
        let room = CHUNK - lines.len();
        match timeout_at(ends, input.recv_many(&mut lines, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    lines
}

impl Iterator for InputEvents {
    type Item = InputEvent;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = self.lines.next()?;
            self.line += 1;
            let line = self.line;
            let event = match text {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => event(text, self.key.as_deref()),
                Err(error) => Err(format!("cannot be read: {error}")),
            };
            return Some(match event {
                Ok(event) => Ok((Number(line), event)),
                Err(what) => Err(Mistake { line, what }),
            });
        }
    }
}

/// The event on a line; the error says what is wrong with it.
fn event(text: String, key_field: Option<&str>) -> Result<Event, String> {
    let json: Value = serde_json::from_str(&text)
        .map_err(|error| format!("not JSON: {}", json_mistake(&error)))?;
    let key = match key_field {
        None => String::new(),
        Some(field) => match json.get(field) {
            Some(Value::String(key)) => key.clone(),
            Some(key @ (Value::Number(_) | Value::Bool(_))) => key.to_string(),
            Some(_) => {
                return Err(format!(
                    "the key field `{field}` must be a string, a number or a boolean"
                ));
            }
            None => return Err(format!("there is no field `{field}`, which should hold the key")),
        },
    };
    let event = Event::new(key, text);
    gapless::wire::check_event(&event).map_err(|error| error.to_string())?;
    Ok(event)
}
