//! The figures of a measurement, and how they are printed.

use std::io::{Write as _, stdout};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::meter::Units;
use super::takeover::Takeover;
use crate::cli::stream::BenchArgs;
use crate::failure::Failure;
use crate::report::table;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    what: String,
    events: u64,
    /// Throughput.
    pub events_a_second: f64,
    p50_micros: f64,
    p99_micros: f64,
    requests_an_event: f64,
    write_units_an_event: f64,
    read_units_an_event: f64,
}

impl Figure {
    /// Sums up the appends of `what`, which took `time` together.
    pub fn of(what: &str, time: Duration, mut latencies: Vec<Duration>, units: Units) -> Figure {
        latencies.sort_unstable();
        let events = latencies.len().max(1) as f64;
        let at = |part: f64| {
            let index =
                ((latencies.len() as f64 * part) as usize).min(latencies.len().saturating_sub(1));
            latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        Figure {
            what: what.to_owned(),
            events: latencies.len() as u64,
            events_a_second: events / time.as_secs_f64(),
            p50_micros: at(0.5),
            p99_micros: at(0.99),
            requests_an_event: units.requests as f64 / events,
            write_units_an_event: units.written / events,
            read_units_an_event: units.read / events,
        }
    }
}

/// Prints the figures as a table, or as JSON.
pub fn print(
    figures: &[Figure],
    overhead: f64,
    takeover: &Takeover,
    args: &BenchArgs,
) -> Result<(), Failure> {
    let mut out = stdout().lock();
    if args.place.json {
        writeln!(
            out,
            "{}",
            json!({ "figures": figures, "overhead": overhead, "takeover": takeover })
        )?;
        return Ok(());
    }
    let mut table = table::plain([
        "",
        "events",
        "events/s",
        "p50 us",
        "p99 us",
        "requests/event",
        "write units/event",
        "read units/event",
    ]);
    for figure in figures {
        table.add_row([
            figure.what.clone(),
            figure.events.to_string(),
            format!("{:.0}", figure.events_a_second),
            format!("{:.0}", figure.p50_micros),
            format!("{:.0}", figure.p99_micros),
            format!("{:.2}", figure.requests_an_event),
            format!("{:.3}", figure.write_units_an_event),
            format!("{:.3}", figure.read_units_an_event),
        ]);
    }
    table::right(&mut table, &[1, 2, 3, 4, 5, 6, 7]);
    writeln!(out, "{table}\n")?;
    writeln!(
        out,
        "events of {} bytes; protocol overhead: {:+.1} % of the time of the bare calls",
        args.size,
        overhead * 100.0
    )?;
    writeln!(out, "{takeover}")?;
    Ok(())
}
