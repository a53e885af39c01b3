//! Puts small faults into the sources of gapless, one at a time, and says what notices each.
//!
//! Every fault is woven into one build behind a switch in the environment, so that hundreds are
//! tried in the time of a few builds (mutant schemata: Untch, Offutt, Harrold 1993).
//!
//! ```text
//! cargo run --release --package gapless-source-mutants -- impl --sample 20
//! ```

mod alternatives;
mod check;
mod fault;
mod find;
mod harmless;
mod mistake;
mod report;
mod weave;
mod workshop;

use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;

use check::{Check, Said, Subject};
use fault::Fault;
use harmless::Harmless;
use mistake::Mistake;
use report::Fate;
use workshop::{Absent, Built, Workshop};

/// Put small faults into the sources of gapless, and see what notices each.
#[derive(Debug, Parser)]
#[command(
    after_help = "Exit status: 0 if no more faults survived than may, 1 if more did, 2 if nothing \
                        can be said."
)]
struct Arguments {
    /// Whose sources.
    subject: Subject,
    /// Only files whose path contains this; may be given several times.
    #[arg(long, value_name = "PART")]
    file: Vec<String>,
    /// Only these faults, by their numbers.
    #[arg(long, value_name = "ID", value_delimiter = ',', conflicts_with = "sample")]
    only: Vec<u32>,
    /// Only so many, spread evenly over the files.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Which sample: each number is another one.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "sample")]
    from: usize,
    /// Only one share of the faults, such as 1/4.
    #[arg(long, value_name = "K/N", value_parser = shard, default_value = "1/1")]
    shard: (usize, usize),
    /// How many seeds the dear simulations run.
    #[arg(long, value_name = "N", default_value_t = 250)]
    seeds: u64,
    /// Leave out the checks that take longer than so many seconds without a fault.
    #[arg(long, value_name = "SECONDS")]
    quick: Option<u64>,
    /// How many of the faults that are tried may survive, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    may_survive: u8,
    /// How many faults are tried at the same time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// The folder for the copy of the sources and its build.
    #[arg(long, value_name = "FOLDER", default_value = "target/source-mutants")]
    folder: PathBuf,
    /// Only list the faults that compile.
    #[arg(long)]
    list: bool,
    /// Write what became of each to FILE.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((k, n)) if (1..=n).contains(&k) => Ok((k, n)),
        _ => Err("a share is its number and how many there are, such as 1/4".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(mistake) => {
            eprintln!("source-mutants: {mistake}");
            ExitCode::from(2)
        }
    }
}

/// Whether no more faults survived than may.
fn run(arguments: &Arguments) -> Result<bool, Mistake> {
    let root = std::env::current_dir().map_err(|why| Mistake::Read { path: ".".into(), why })?;
    let harmless = Harmless::read(&root.join("tests/mutants/harmless.toml"))?;
    let folder = root.join(&arguments.folder);
    let (sources, _) = arguments.subject.sources();
    let workshop = Workshop::copy(&root, &folder, sources)?;
    let faults = find_all(&workshop, arguments.subject)?;
    let stale = harmless.stale(&faults);
    if let Some(first) = stale.first() {
        let path = "tests/mutants/harmless.toml".into();
        return Err(Mistake::Harmless { path, what: format!("this fault is no more: {first}") });
    }
    eprintln!("{} faults in the sources of {sources}/", faults.len());
    let built =
        workshop.build(&faults, arguments.subject.packages(), |said| eprintln!("{said}"))?;
    let chosen = choose(arguments, &faults, &built)?;
    if arguments.list {
        for fault in &chosen {
            let _ = writeln!(stdout(), "{:>5}  {}", fault.id, fault.says());
        }
        return Ok(true);
    }
    let printed = folder.join("printed");
    let mut checks = Vec::new();
    for mut check in arguments.subject.checks(&built.programs, arguments.seeds)? {
        match check.calibrate(&printed, arguments.quick.map(Duration::from_secs))? {
            Some(took) => {
                let took = took.as_secs_f64();
                eprintln!("{took:>6.1} s without a fault  {}", check.title());
                checks.push(check);
            }
            None => eprintln!("      left out as too dear  {}", check.title()),
        }
    }
    let fates = try_all(&chosen, arguments.jobs, &checks, &harmless, &printed)?;
    tell(arguments, &faults, &built, &fates)?;
    Ok(are_few(survivors(&fates), fates.len(), arguments.may_survive))
}

/// Whether so many of the faults that were tried are no more than may survive.
fn are_few(survivors: usize, tried: usize, percent: u8) -> bool {
    survivors * 100 <= tried * usize::from(percent)
}

fn survivors(fates: &[(&Fault, Fate)]) -> usize {
    fates.iter().filter(|(_, fate)| matches!(fate, Fate::Survived)).count()
}

/// The faults of all sources, numbered throughout.
fn find_all(workshop: &Workshop, subject: Subject) -> Result<Vec<Fault>, Mistake> {
    let parse = |file: &str, why| Mistake::Parse { file: file.to_owned(), why };
    let mut enums = Vec::new();
    for (file, text) in workshop.sources() {
        enums.extend(find::variants(text).map_err(|why| parse(file, why))?);
    }
    let (_, without) = subject.sources();
    let mut faults: Vec<Fault> = Vec::new();
    for (file, text) in workshop.sources() {
        if without.is_some_and(|without| file.starts_with(without)) {
            continue;
        }
        let last = faults.last().map_or(0, |fault| fault.id);
        let mut found = find::find(file, text, &enums).map_err(|why| parse(file, why))?;
        for fault in &mut found {
            fault.id += last;
        }
        faults.extend(found);
    }
    Ok(faults)
}

fn choose<'a>(
    arguments: &Arguments,
    faults: &'a [Fault],
    built: &Built,
) -> Result<Vec<&'a Fault>, Mistake> {
    let wanted = |fault: &&Fault| {
        let file = &arguments.file;
        built.woven.contains(&fault.id)
            && (file.is_empty() || file.iter().any(|part| fault.file.contains(part)))
            && (arguments.only.is_empty() || arguments.only.contains(&fault.id))
    };
    let mut chosen: Vec<_> = faults.iter().filter(wanted).collect();
    if let Some(sample) = arguments.sample.filter(|sample| *sample < chosen.len()) {
        let (all, from) = (chosen.len(), arguments.from);
        let nth = |n: usize| chosen[(n * all / sample + from) % all];
        // In leaps, so that a run that is cut short has been everywhere.
        let leap = (1..sample).rev().find(|leap| coprime(*leap, sample) && *leap * 13 < sample * 5);
        let leap = leap.unwrap_or(1);
        chosen = (0..sample).map(|n| nth(n * leap % sample)).collect();
    }
    let (share, of) = arguments.shard;
    let mine = |(at, fault): (usize, &'a Fault)| (at % of == share - 1).then_some(fault);
    chosen = chosen.into_iter().enumerate().filter_map(mine).collect();
    if chosen.is_empty() {
        let what = "no fault that compiles is in this choice; `--list` shows them".to_owned();
        return Err(Mistake::Usage { what });
    }
    Ok(chosen)
}

fn coprime(one: usize, other: usize) -> bool {
    if other == 0 { one == 1 } else { coprime(other, one % other) }
}

/// Tries the faults, several at a time.
fn try_all<'a>(
    chosen: &[&'a Fault],
    jobs: usize,
    checks: &[Check],
    harmless: &Harmless,
    printed: &Path,
) -> Result<Vec<(&'a Fault, Fate)>, Mistake> {
    let left = Mutex::new(chosen.iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut fates = Vec::new();
        while let Some(fault) = next() {
            let began = Instant::now();
            let fate = try_one(fault, checks, harmless, printed)?;
            let _ = report::line(&mut stdout(), fault, &fate, began.elapsed().as_secs_f64());
            fates.push((*fault, fate));
        }
        Ok(fates)
    };
    let mut fates = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().expect("it does not panic"));
        ended.collect::<Result<Vec<_>, Mistake>>()
    })?
    .concat();
    fates.sort_by_key(|(fault, _)| fault.id);
    Ok(fates)
}

fn try_one(
    fault: &Fault,
    checks: &[Check],
    harmless: &Harmless,
    printed: &Path,
) -> Result<Fate, Mistake> {
    for check in checks {
        if let Said::Noticed(how) = check.run(fault.id, printed)? {
            return Ok(Fate::Noticed { check: check.name, how });
        }
    }
    let why = harmless.why(fault).map(str::to_owned);
    Ok(why.map_or(Fate::Survived, |why| Fate::Harmless { why }))
}

fn tell(
    arguments: &Arguments,
    faults: &[Fault],
    built: &Built,
    fates: &[(&Fault, Fate)],
) -> Result<(), Mistake> {
    let count = |why| built.absent.values().filter(|absent| **absent == why).count();
    let (refused, unwoven) = (count(Absent::Refused), count(Absent::NotWoven));
    let survivors = survivors(fates);
    let harmless = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Harmless { .. })).count();
    let mut out = stdout();
    let _ = report::tables(&mut out, fates);
    let _ = writeln!(
        out,
        "\n{} faults: {refused} the compiler refuses, {unwoven} can't be put behind a switch, {} compile. \
         {} were tried: {survivors} survived, {harmless} are known to be harmless",
        faults.len(),
        built.woven.len(),
        fates.len(),
    );
    let Some(path) = &arguments.json else { return Ok(()) };
    let rows: Vec<_> = fates
        .iter()
        .map(|(fault, fate)| {
            json!({
                "id": fault.id, "kind": fault.kind, "file": fault.file, "line": fault.line,
                "function": fault.function, "was": fault.was, "becomes": fault.becomes, "fate": fate,
            })
        })
        .collect();
    let document = json!({
        "format": "gapless-source-mutants", "version": 1, "faults": faults.len(),
        "refused": refused, "not-woven": unwoven, "tried": rows,
    });
    let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    std::fs::write(path, text).map_err(|why| Mistake::Write { path: path.clone(), why })
}

#[cfg(test)]
mod tests {
    use super::are_few;

    #[test]
    fn none_may_survive_unless_so_many_percent_may() {
        assert!(are_few(0, 40, 0) && !are_few(1, 40, 0));
        assert!(are_few(2, 40, 5) && !are_few(3, 40, 5));
        assert!(!are_few(1, 19, 5));
    }
}
