//! What was measured, as tables and as JSON.

use std::time::Duration;

use serde::Serialize;

use super::outage::Outages;
use super::price::Price;

/// Times without service of a kind.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was waited for.
    what: &'static str,
    /// Who was at work.
    act: &'static str,
    /// What happened meanwhile.
    during: &'static str,
    count: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// How much longer the median and the longest are than the median of the steady state.
    p50_beyond_steady_ms: f64,
    max_beyond_steady_ms: f64,
}

/// The figures of one act.
pub fn figures(what: &'static str, act: &'static str, outages: Outages) -> Vec<Figure> {
    let Outages { mut steady, split, merge } = outages;
    steady.sort_unstable();
    let usual = at(&steady, 0.5);
    let kinds = [("neither", steady), ("a split", split), ("a merge", merge)];
    let figure = |(during, mut times): (&'static str, Vec<Duration>)| {
        times.sort_unstable();
        let (p50_ms, max_ms) = (at(&times, 0.5), at(&times, 1.0));
        Figure {
            what,
            act,
            during,
            count: times.len(),
            p50_ms,
            p99_ms: at(&times, 0.99),
            max_ms,
            p50_beyond_steady_ms: p50_ms - usual,
            max_beyond_steady_ms: max_ms - usual,
        }
    };
    kinds.map(figure).into()
}

/// A quantile of sorted times, in milliseconds; zero of none.
fn at(times: &[Duration], share: f64) -> f64 {
    let index = (times.len() as f64 * share) as usize;
    let time = times.get(index.min(times.len().saturating_sub(1)));
    time.map_or(0.0, |time| (time.as_secs_f64() * 1e6).round() / 1e3)
}

/// Everything that came of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub seconds: f64,
    pub events: u64,
    pub slots: u64,
    pub partitions: u64,
    pub splits: usize,
    pub merges: usize,
    pub kills: u64,
    pub killed_operators: u64,
    pub rivals: u64,
    pub delivered_again: u64,
    pub outages: Vec<Figure>,
    pub prices: Vec<Price>,
    /// What is wrong.
    pub wrong: Vec<String>,
}

/// What a time without service is, in one sentence.
const MEANING: &str = "A key is without service from one acknowledged append of it to the next, while there is always \
     another to make;\nfor a group, from one delivery of its events to the next. An operation is charged with the longest \
     such time from its\nbeginning up to the first append, or delivery, in what took the partition's place. In \
     milliseconds:";

impl Report {
    /// Prints it for a reader.
    pub fn print(&self) {
        println!(
            "{} events in {} slots of {} partitions, {:.0} s (seed {})",
            self.events, self.slots, self.partitions, self.seconds, self.seed
        );
        println!(
            "{} splits and {} merges; {} kills of producers and workers, {} of operators, {} levels with \
             rivals; {} deliveries came again",
            self.splits,
            self.merges,
            self.kills,
            self.killed_operators,
            self.rivals,
            self.delivered_again
        );
        println!("\n{MEANING}\n");
        self.print_outages();
        println!("\nPrices, with nothing else at work:\n");
        self.print_prices();
        if self.wrong.is_empty() {
            println!(
                "\nnothing is wrong: each key's events came in their order, each once in the stream, \
                 none was lost"
            );
        }
        self.wrong.iter().for_each(|wrong| println!("wrong: {wrong}"));
    }

    /// As Markdown, whose columns line up as they are.
    fn print_outages(&self) {
        println!(
            "| {:<8} | {:<16} | {:<7} | {:>5} | {:>6} | {:>6} | {:>6} | {:>10} | {:>10} |",
            "", "", "during", "count", "p50", "p99", "max", "p50-steady", "max-steady"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for figure in &self.outages {
            println!(
                "| {:<8} | {:<16} | {:<7} | {:>5} | {:>6.1} | {:>6.1} | {:>6.1} | {:>10.1} | {:>10.1} |",
                figure.what,
                figure.act,
                figure.during,
                figure.count,
                figure.p50_ms,
                figure.p99_ms,
                figure.max_ms,
                figure.p50_beyond_steady_ms,
                figure.max_beyond_steady_ms
            );
        }
    }

    fn print_prices(&self) {
        println!("| {:<36} | requests | write units | read units |", "");
        println!("|---|---|---|---|");
        for Price { what, requests, write_units, read_units } in &self.prices {
            println!("| {what:<36} | {requests:>8} | {write_units:>11} | {read_units:>10} |");
        }
    }
}
