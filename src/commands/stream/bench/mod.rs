//! `gapless bench`: what appending costs, beside the same store operations without a protocol.

mod bare;
mod figure;
mod meter;
mod scratch;
mod takeover;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;
use gapless::{Config, Event, Grouping, Stream};
use gapless_model::design::{Design, Increment, NAMED, Named};
use indicatif::ProgressBar;

use self::bare::Bare;
use self::figure::Figure;
use self::meter::{Counting, Meter, Units};
use self::scratch::{delete_tables, failure};
use super::store::Store;
use super::{block_on, open_failure};
use crate::cli::stream::{BenchArgs, Place};
use crate::failure::Failure;
use crate::status::Status;

/// Every way to take a slot's number, by name.
const INCREMENTS: [(&str, Increment); 4] = [
    ("add", Increment::Add),
    ("compare-and-set", Increment::CompareAndSet),
    ("transaction", Increment::Transaction),
    ("none", Increment::None),
];

/// Measures appends and takeovers, and prints the figures.
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
        figure::print(&figures, overhead, &takeover, args)?;
        Ok(Status::Holds)
    })
}

struct Bench {
    place: Place,
    time: Duration,
    data: String,
}

impl Bench {
    /// A client whose requests are counted. An engine in memory is a new one each time,
    /// because it slows down as it fills.
    async fn client(&self) -> Result<(Client, Arc<Meter>), Failure> {
        let meter = Arc::new(Meter::default());
        let config = Store::open(&self.place).await?.client().config().to_builder();
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
        Ok((created.map_err(|error| open_failure(&error, &self.place))?, meter))
    }

    /// Each measurement has tables of its own.
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
            let sent = Instant::now();
            self.append(stream).await?;
            latencies.push(sent.elapsed());
        }
        Ok(Figure::of(what, began.elapsed(), latencies, meter.take()))
    }

    /// Appends from this many callers at once, which share slots.
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
                let sent = Instant::now();
                let appended = appender.append(self.event()).await;
                appended.map_err(|error| failure("an event cannot be appended", &error))?;
                latencies.push(sent.elapsed());
            }
            Ok::<_, Failure>(latencies)
        };
        let latencies = try_join_all((0..appenders).map(|_| one())).await?.concat();
        let what = format!("group commit, {appenders} callers");
        Ok(Figure::of(&what, began.elapsed(), latencies, meter.take()))
    }

    /// Appends, alternating with the bare calls of the SDK, so that whatever disturbs the
    /// machine disturbs both.
    async fn side_by_side(
        &self,
        stream: &Stream,
        meter: &Meter,
    ) -> Result<(Figure, Figure), Failure> {
        const TURN: usize = 50;
        let bare = Bare::new(stream, &self.data);
        let (mut both, began) =
            ([(Vec::new(), Units::default()), (Vec::new(), Units::default())], Instant::now());
        while began.elapsed() < 2 * self.time {
            for (own, (latencies, units)) in both.iter_mut().enumerate() {
                meter.take();
                for _ in 0..TURN {
                    let sent = Instant::now();
                    if own == 1 {
                        self.append(stream).await?
                    } else {
                        bare.append().await?
                    }
                    latencies.push(sent.elapsed());
                }
                *units = *units + meter.take();
            }
        }
        let [bare, own] = both;
        let figure = |what: &str, (latencies, units): (Vec<Duration>, Units)| {
            Figure::of(what, latencies.iter().sum(), latencies, units)
        };
        Ok((figure("bare calls, alternating", bare), figure("appends, alternating", own)))
    }

    async fn append(&self, stream: &Stream) -> Result<(), Failure> {
        let appended = stream.append(self.event()).await;
        appended.map(drop).map_err(|error| failure("an event cannot be appended", &error))
    }
}
