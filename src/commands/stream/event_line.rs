//! An event as it is printed: a line of NDJSON.

use std::collections::BTreeMap;

use gapless::{Event, Recorded};
use serde::Serialize;

use crate::failure::Failure;

/// The fields of such a line.
#[derive(Serialize)]
struct EventLine<'a> {
    partition: &'a str,
    position: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    data: Content<'a>,
}

/// An event's data, in the most readable form that keeps all of it.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Content<'a> {
    /// JSON, as it stands.
    Data(&'a serde_json::value::RawValue),
    /// Text that is not JSON, or that is JSON of several lines.
    Text(&'a str),
    /// Anything else.
    Base64(String),
}

impl<'a> Content<'a> {
    fn of(event: &'a Event) -> Content<'a> {
        use base64::Engine as _;
        match event.text() {
            Some(text) => match serde_json::from_str(text) {
                // An event is one line of output, whatever its own layout.
                Ok(json) if !text.contains('\n') => Content::Data(json),
                _ => Content::Text(text),
            },
            None => Content::Base64(base64::engine::general_purpose::STANDARD.encode(&event.data)),
        }
    }
}

/// Adds an event's line to `lines`.
pub fn add_event_line(lines: &mut Vec<u8>, recorded: &Recorded) -> Result<(), Failure> {
    let line = EventLine {
        partition: recorded.partition.as_str(),
        position: recorded.position.to_string(),
        key: &recorded.event.key,
        headers: &recorded.event.headers,
        data: Content::of(&recorded.event),
    };
    serde_json::to_writer(&mut *lines, &line).map_err(std::io::Error::from)?;
    lines.push(b'\n');
    Ok(())
}
