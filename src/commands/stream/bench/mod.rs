//! `gapless bench`: what appending costs, beside the same store operations without a protocol.

mod meter;
mod scratch;
mod takeover;

use std::io::{Write as _, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use futures_util::future::try_join_all;
use gapless::{Config, Event, Grouping, Stream};
use gapless_model::design::{Design, Increment, NAMED, Named};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;

use self::meter::{Counting, Meter, Units};
use self::scratch::delete_tables;
use self::takeover::Takeover;
use super::{Reached, block_on, unopened, unused};
use crate::cli::stream::{BenchArgs, Place};
use crate::failure::Failure;
use crate::report::table;
use crate::status::Status;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
struct Figure {
    what: String,
    events: u64,
    events_a_second: f64,
    p50_micros: f64,
    p99_micros: f64,
    requests_an_event: f64,
    write_units_an_event: f64,
    read_units_an_event: f64,
}

/// The values of the axis, and how each is called.
const INCREMENTS: [(&str, Increment); 4] = [
    ("add", Increment::Add),
    ("compare-and-set", Increment::CompareAndSet),
    ("transaction", Increment::Transaction),
    ("none", Increment::None),
];

/// Measures, and prints a table.
pub fn run(args: &BenchArgs) -> Result<Status, Failure> {
    block_on(async {
        let mut place = args.place.clone();
        if place.endpoint_url.is_none() && place.profile.is_none() && place.embedded.is_none() {
            place.embedded = Some(std::path::PathBuf::new());
        }
        let bench = Bench { place, time: args.time, data: "x".repeat(args.size) };
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        let mut figures = Vec::new();
        for (name, increment) in INCREMENTS {
            bar.set_message(format!("increment: {name}"));
            let (stream, meter) = bench.stream(increment, name).await?;
            let what = format!("append, increment {name}");
            figures.push(bench.single(&what, &stream, &meter).await?);
            delete_tables(&stream).await?;
        }
        for appenders in [1, 8, 64] {
            bar.set_message(format!("group commit: {appenders}"));
            let (stream, meter) = bench.stream(Increment::Add, "group").await?;
            figures.push(bench.grouped(appenders, &stream, &meter).await?);
            delete_tables(&stream).await?;
        }
        bar.set_message("beside the bare calls");
        let (stream, meter) = bench.stream(Increment::Add, "bare").await?;
        let (bare, own) = bench.side_by_side(&stream, &meter).await?;
        let overhead = bare.events_a_second / own.events_a_second - 1.0;
        figures.extend([bare, own]);
        delete_tables(&stream).await?;
        bar.set_message("takeover");
        let (client, _) = bench.client().await?;
        let takeover = takeover::measure(&client, &bench.prefix("takeover"), &bench.place).await?;
        bar.finish_and_clear();
        print(&figures, overhead, &takeover, args)?;
        Ok(Status::Holds)
    })
}

struct Bench {
    place: Place,
    time: Duration,
    data: String,
}

impl Bench {
    /// A client whose requests are counted. An engine in memory is a new one each
    /// time: it slows down as it fills.
    async fn client(&self) -> Result<(Client, Arc<Meter>), Failure> {
        let meter = Arc::new(Meter::default());
        let config = Reached::by(&self.place).await?.client().config().to_builder();
        let counted = config.interceptor(Counting(Arc::clone(&meter))).build();
        Ok((Client::from_conf(counted), meter))
    }

    async fn stream(
        &self,
        increment: Increment,
        name: &str,
    ) -> Result<(Stream, Arc<Meter>), Failure> {
        let declared =
            |named: &&Named| named.breaks.is_empty() && named.design.increment == increment;
        let known = NAMED.iter().find(declared);
        let design = known.map_or(Design::RECOMMENDED, |named| named.design);
        let config = Config::new(self.prefix(name)).design(design);
        let (client, meter) = self.client().await?;
        let created = Stream::create(client, config).await;
        Ok((created.map_err(|error| unopened(error, &self.place))?, meter))
    }

    /// The tables of a measurement are nobody else's.
    fn prefix(&self, name: &str) -> String {
        format!("{}bench-{}-{name}-", self.place.table_prefix, std::process::id())
    }

    fn event(&self) -> Event {
        Event::new("key", self.data.as_str())
    }

    /// One append after another.
    async fn single(&self, what: &str, stream: &Stream, meter: &Meter) -> Result<Figure, Failure> {
        self.append(stream).await?;
        meter.take();
        let (began, mut latencies) = (Instant::now(), Vec::new());
        while began.elapsed() < self.time {
            let asked = Instant::now();
            self.append(stream).await?;
            latencies.push(asked.elapsed());
        }
        Ok(figure(what, began.elapsed(), latencies, meter.take()))
    }

    /// So many at once, which share slots.
    async fn grouped(
        &self,
        appenders: usize,
        stream: &Stream,
        meter: &Meter,
    ) -> Result<Figure, Failure> {
        let appender = stream.appender(Grouping::default());
        meter.take();
        let began = Instant::now();
        let one = || async {
            let mut latencies = Vec::new();
            while began.elapsed() < self.time {
                let asked = Instant::now();
                let appended = appender.append(self.event()).await;
                appended.map_err(|error| unused("an event cannot be appended", error))?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, Failure>(latencies)
        };
        let latencies = try_join_all((0..appenders).map(|_| one())).await?.concat();
        let what = format!("group commit, {appenders} at once");
        Ok(figure(&what, began.elapsed(), latencies, meter.take()))
    }

    /// Appends, and the same calls of the SDK without anything around them, in
    /// turns: what disturbs the machine disturbs both.
    async fn side_by_side(
        &self,
        stream: &Stream,
        meter: &Meter,
    ) -> Result<(Figure, Figure), Failure> {
        const TURN: usize = 50;
        let bare = Bare { client: stream.wire().client(), stream, data: &self.data };
        let (mut both, began) =
            ([(Vec::new(), Units::default()), (Vec::new(), Units::default())], Instant::now());
        while began.elapsed() < 2 * self.time {
            for (own, (latencies, units)) in both.iter_mut().enumerate() {
                meter.take();
                for _ in 0..TURN {
                    let asked = Instant::now();
                    if own == 1 {
                        self.append(stream).await?
                    } else {
                        bare.append().await?
                    }
                    latencies.push(asked.elapsed());
                }
                *units = *units + meter.take();
            }
        }
        let [bare, own] = both.map(|(latencies, units)| {
            let time = latencies.iter().sum();
            figure("", time, latencies, units)
        });
        let named = |what: &str, figure| Figure { what: what.to_owned(), ..figure };
        Ok((named("the bare calls, in turns with", bare), named("the same appends", own)))
    }

    async fn append(&self, stream: &Stream) -> Result<(), Failure> {
        let appended = stream.append(self.event()).await;
        appended.map(drop).map_err(|error| unused("an event cannot be appended", error))
    }
}

/// The two calls of an append, and nothing else.
struct Bare<'a> {
    client: &'a Client,
    stream: &'a Stream,
    data: &'a str,
}

impl Bare<'_> {
    async fn append(&self) -> Result<(), Failure> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| Failure::Stream {
            doing: "a bare call failed",
            help: "is the endpoint still there?".to_owned(),
            source: error,
        };
        let tables = self.stream.wire().tables();
        // An item of its own, as like to a partition's as can be.
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: &str| AttributeValue::N(number.to_owned());
        let raised = self
            .client
            .update_item()
            .table_name(&tables.partitions)
            .key("partitionId", text("p:bare"))
            .update_expression(
                "SET #bucket = if_not_exists(#bucket, :bucket), #status = if_not_exists(#status, :open), \
                 #head = if_not_exists(#head, :zero) + :one",
            )
            .expression_attribute_names("#bucket", "bucket")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#head", "sequenceNumber")
            .expression_attribute_values(":bucket", text("0"))
            .expression_attribute_values(":open", text("open"))
            .expression_attribute_values(":zero", number("0"))
            .expression_attribute_values(":one", number("1"))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
            .map_err(|error| failed(error.into_service_error().to_string().into()))?;
        let head = raised.attributes().and_then(|item| item.get("sequenceNumber")).cloned();
        let head = head.ok_or_else(|| failed("the counter is missing".into()))?;
        let token = "0123456789abcdef0123456789abcdef";
        self.client
            .put_item()
            .table_name(&tables.events)
            .item("partitionId", text("p:bare"))
            .item("sequenceNumber", head)
            .item("token", text(token))
            .item("events", AttributeValue::L(vec![text("key"), text(self.data)]))
            .item("at", number("1700000000000"))
            .condition_expression("attribute_not_exists(partitionId)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
            .map_err(|error| failed(error.into_service_error().to_string().into()))?;
        Ok(())
    }
}

fn figure(what: &str, time: Duration, mut latencies: Vec<Duration>, units: Units) -> Figure {
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

fn print(
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
        "events of {} bytes; the protocol's own time: {:+.1} % of the bare calls'",
        args.size,
        overhead * 100.0
    )?;
    writeln!(out, "{takeover}")?;
    Ok(())
}
