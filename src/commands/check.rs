//! `gapless check`: verdicts, and a counterexample for each that is bad.

use std::io::Write as _;
use std::path::Path;

use gapless_model::Invariant;
use gapless_model::check::{
    Bounds, Checkpointing, Clocks, Engine, OnDisk, Report, Resumed, Task, check, check_resumably,
    glossary, replay, story as tell,
};
use gapless_model::design::{Design, Increment, LINEAGE, NAMED, Named, named};

use indicatif::HumanCount;

use super::find_designs;
use crate::checkpoint::Checkpoint;
use crate::cli::CheckArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::progress::Bar;
use crate::report::{diagram, json, junit, steps, story, svg, table};
use crate::status::Status;
use crate::{files, interrupt, output};

/// Checks designs, every named design, or replays a trace.
pub fn run(args: &CheckArgs) -> Result<Status, Failure> {
    if let Some(log) = &args.replay {
        return replay_log(log, args);
    }
    let designs: Vec<(String, Design)> = if args.all {
        every(&args.bounds.0).map(|known| (known.name.to_owned(), known.design)).collect()
    } else {
        find_designs(&args.designs)?
    };
    args.bounds.0.validate()?;
    let uncounted = |(_, design): &&(String, Design)| design.increment == Increment::None;
    if let Some((name, _)) = designs.iter().find(uncounted).filter(|_| args.bounds.0.has_lineage())
    {
        return Err(Failure::Usage {
            what: format!("`{name}` has no counter, and a seal is kept beside the counter"),
            help: "split and merge partitions in a design with a counter".to_owned(),
        });
    }
    let clocks = args.clocks.into();
    let checked = checked(args, clocks)?;
    let mut checkpoint = checkpoint(args, designs.len())?;
    let disk = disk(args)?;
    // What cannot be written should be known before the search, not after it.
    files::try_files([&args.json, &args.junit].into_iter().flatten())?;
    files::try_folders([&args.trace, &args.svg].into_iter().flatten())?;
    for folder in [&args.trace, &args.svg].into_iter().flatten() {
        files::create_folder(folder)?;
    }
    interrupt::install_handler();

    let (mut reports, mut notes, mut unsaved) = (Vec::new(), Vec::new(), Ok(()));
    for (name, design) in designs {
        let mut task = Task::new(&name, design, args.bounds.0, clocks);
        task.checked.clone_from(&checked);
        task.engine = args.engine.into();
        task.symmetric = !args.no_symmetry;
        task.threads = args.threads.unwrap_or(task.threads);
        task.timeout = args.timeout;
        task.max_memory = args.max_memory;
        task.disk.clone_from(&disk);
        let mut bar = Bar::new(&name);
        let report = match &mut checkpoint {
            None => check(&task, &mut bar),
            Some((path, file)) => {
                let resumed = search_on(&task, args, path, file, &mut bar)?;
                notes = kept_notes(path, &resumed);
                unsaved = resumed.unsaved.map_or(Ok(()), |source| {
                    Err(Failure::Write { path: path.to_path_buf(), source })
                });
                resumed.report
            }
        };
        bar.finish();
        reports.push(report);
        if interrupt::is_requested() {
            break;
        }
    }
    // The files come first: the reader of the output may close it early, as `head` does. And
    // a file that cannot be written must not cost the results.
    let written = write(&reports, args);
    let printed = print(&reports, &notes, args);
    written.and(printed)?;
    // Only when the results are out is the file of no more use.
    if let Some((_, file)) = checkpoint.filter(|_| reports.iter().all(Report::is_final)) {
        file.remove()?;
    } else {
        unsaved?;
    }
    Ok(if args.all {
        declared_status(&reports, every(&args.bounds.0).count(), args.strict)
    } else {
        status(&reports, args.strict)
    })
}

/// The named designs that differ within such bounds: where partitions are split and merged, the
/// recommended one and those that do so in another way; otherwise all others.
fn every(bounds: &Bounds) -> impl Iterator<Item = &'static Named> {
    let first = named("recommended").filter(|_| bounds.has_lineage());
    let rest = if bounds.has_lineage() { LINEAGE } else { NAMED };
    first.into_iter().chain(rest)
}

/// The file that keeps the search, if one is to be kept.
fn checkpoint(args: &CheckArgs, designs: usize) -> Result<Option<(&Path, Checkpoint)>, Failure> {
    let Some(path) = &args.checkpoint else { return Ok(None) };
    if designs > 1 {
        return Err(Failure::Usage {
            what: format!("--checkpoint keeps one search in its file, and these are {designs}"),
            help: "check one design at a time, each with a file of its own".to_owned(),
        });
    }
    if Engine::from(args.engine) == Engine::Stateright {
        return Err(Failure::Usage {
            what: "Stateright's searches cannot be kept in a file".to_owned(),
            help: "leave out --checkpoint, or search with --engine own".to_owned(),
        });
    }
    Ok(Some((path, Checkpoint::at(path)?)))
}

/// Where visited states go that take too much memory, if a folder for them is given.
fn disk(args: &CheckArgs) -> Result<Option<OnDisk>, Failure> {
    let (Some(folder), Some(most)) = (&args.disk, args.max_memory) else { return Ok(None) };
    if Engine::from(args.engine) == Engine::Stateright {
        return Err(Failure::Usage {
            what: "Stateright keeps all states in memory".to_owned(),
            help: "leave out --disk, or search with --engine own".to_owned(),
        });
    }
    files::try_folder(folder)?;
    Ok(Some(OnDisk { folder: folder.clone(), beyond: most / 8 }))
}

/// Searches on from a checkpoint file, or from the beginning if it is not there.
fn search_on(
    task: &Task,
    args: &CheckArgs,
    path: &Path,
    file: &mut Checkpoint,
    bar: &mut Bar,
) -> Result<Resumed, Failure> {
    let checkpointing =
        Checkpointing { file, every: args.checkpoint_every, build: env!("GAPLESS_BUILD") };
    check_resumably(task, checkpointing, bar).map_err(|error| {
        bar.finish();
        Failure::checkpoint(path, &error)
    })
}

/// Where a search began, and where it can go on.
fn kept_notes(path: &Path, resumed: &Resumed) -> Vec<String> {
    let path = path.display();
    let went_on = resumed.from.map(|states| {
        format!("went on from {path}, which had {} states", HumanCount(states as u64))
    });
    let is_kept = !resumed.report.is_final() && resumed.unsaved.is_none();
    let goes_on = is_kept.then(|| format!("kept in {path}: the same command goes on from there"));
    went_on.into_iter().chain(goes_on).collect()
}

fn checked(args: &CheckArgs, clocks: Clocks) -> Result<Vec<Invariant>, Failure> {
    let mut checked = Task::applicable_within(&args.bounds.0, clocks);
    if let Some(wanted) = args.property.iter().find(|wanted| !checked.contains(wanted)) {
        if wanted.is_about_lineage() {
            return Err(Failure::Usage {
                what: format!("{wanted} is about partitions that are split or merged, and none is"),
                help: "check it with --bounds lineage".to_owned(),
            });
        }
        return Err(Failure::Usage {
            what: format!("{wanted} cannot be promised under {} clocks", clocks.name()),
            help: "check it with --clocks timely".to_owned(),
        });
    }
    if !args.property.is_empty() {
        checked.retain(|known| args.property.contains(known));
    }
    if Engine::from(args.engine) == Engine::Stateright {
        if args.property.contains(&Invariant::P1) {
            return Err(Failure::Usage {
                what: "Stateright cannot judge P1".to_owned(),
                help: "check it with --engine own".to_owned(),
            });
        }
        checked.retain(|known| *known != Invariant::P1);
    }
    Ok(checked)
}

fn print(reports: &[Report], kept: &[String], args: &CheckArgs) -> Result<(), Failure> {
    let mut out = output::verdict();
    let results = if args.all { table::ablation(reports) } else { table::results(reports) };
    writeln!(out, "{results}\n\n{}", table::legend(reports))?;
    for report in reports {
        for (_, trace) in report.counterexamples() {
            // The ablation table has no room for every trace; --trace writes them all.
            if args.all {
                continue;
            }
            writeln!(out, "\n{}", steps::counterexample(trace))?;
        }
        for note in table::notes(report, args.strict).iter().chain(kept) {
            writeln!(out, "\n{}: {note}", report.task.name)?;
        }
    }
    if let Some(words) = steps::words(reports).filter(|_| !args.all) {
        writeln!(out, "\n{words}")?;
    }
    Ok(())
}

fn write(reports: &[Report], args: &CheckArgs) -> Result<(), Failure> {
    if let Some(path) = &args.json {
        files::write(path, &json::results(reports))?;
    }
    if let Some(path) = &args.junit {
        files::write(path, &junit::results(reports)?)?;
    }
    for report in reports {
        for (invariant, trace) in report.counterexamples() {
            let name = format!("{}-{invariant}", report.task.name);
            if let Some(folder) = &args.trace {
                files::write(&folder.join(format!("{name}.ndjson")), &trace.to_ndjson())?;
            }
            if let Some(folder) = &args.svg {
                let title = format!("{} breaks {invariant}", report.task.name);
                let steps = story::of(&trace.decisions, &trace.told);
                let drawing = svg::explained(&title, &trace.explanation, &steps);
                files::write(&folder.join(format!("{name}.svg")), &drawing)?;
            }
        }
    }
    Ok(())
}

fn status(reports: &[Report], strict: bool) -> Status {
    let violated = reports.iter().any(|report| !report.violated().is_empty());
    let unexercised = strict && reports.iter().any(|report| !report.missed_marks.is_empty());
    if violated || unexercised {
        Status::Violated
    } else if reports.iter().all(Report::is_exhaustive) {
        Status::Holds
    } else {
        Status::Unfinished
    }
}

/// With `--all`: whether every verdict is the declared one.
fn declared_status(reports: &[Report], designs: usize, strict: bool) -> Status {
    let confirmed: Vec<Option<bool>> = reports
        .iter()
        .map(|report| named(&report.task.name).and_then(|known| table::as_declared(report, known)))
        .collect();
    let contradicted = confirmed.contains(&Some(false));
    let as_declared = confirmed.iter().all(|confirmed| *confirmed == Some(true));
    let unexercised = strict && reports.iter().any(|report| !report.missed_marks.is_empty());
    if contradicted || unexercised {
        Status::Violated
    } else if as_declared && reports.len() == designs {
        Status::Holds
    } else {
        Status::Unfinished
    }
}

fn replay_log(log: &Input, args: &CheckArgs) -> Result<Status, Failure> {
    let text = files::read(log)?;
    let replayed = replay(&text).map_err(|error| Failure::replay(log, &error))?;
    let (header, invariant) = (&replayed.header, replayed.header.violates);
    let (decisions, told) = (&replayed.decisions, &replayed.told);
    let (steps, explanation) = (story::of(decisions, told), replayed.explanation.as_ref());
    if let Some(folder) = &args.svg {
        files::create_folder(folder)?;
        let title = format!("{} breaks {invariant}", header.name);
        let drawing = match explanation {
            Some(explanation) => svg::explained(&title, explanation, &steps),
            None => svg::drawing(&title, &steps),
        };
        files::write(&folder.join(format!("{}-{invariant}.svg", header.name)), &drawing)?;
    }
    let mut out = output::verdict();
    writeln!(out, "{} under {} clocks\n", header.name, header.clocks.name())?;
    let story = tell(told, explanation);
    writeln!(out, "{story}\n{}\n{}", diagram::text(&steps), glossary(&story))?;
    if explanation.is_some() {
        writeln!(out, "At the end {invariant} is violated (\"{}\").", invariant.says())?;
        Ok(Status::Violated)
    } else {
        writeln!(out, "At the end {invariant} holds, although the log says that it is violated.")?;
        Ok(Status::Holds)
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::check::{Progress, Verdict};

    use super::*;

    #[test]
    fn a_violation_without_its_counterexample_is_a_violation() {
        let seed = named("seed").expect("a named design").design;
        let bounds = Bounds { faults: 0, ..Bounds::TINY };
        let task = Task::new("seed", seed, bounds, Clocks::Timely);
        // As a limit does that is reached by then.
        let report = check(&task, &mut |progress: Progress| !progress.shortening);
        assert_eq!(report.verdicts[&Invariant::D3], Verdict::Unshown);
        assert_eq!(status(std::slice::from_ref(&report), false), Status::Violated);
        let shown = table::results(std::slice::from_ref(&report)).to_string();
        assert!(shown.contains("x?"), "{shown}");
        let notes = table::notes(&report, false).concat();
        assert!(notes.contains("`x?` means that the invariant is violated"), "{notes}");
        let reports = [report];
        let results: serde_json::Value =
            serde_json::from_str(&json::results(&reports)).expect("JSON");
        assert_eq!(results["checks"][0]["properties"]["D3"]["verdict"], "violated");
        let suites = junit::results(&reports).expect("a document");
        let failure = "<failure message=\"violated; a limit ended the search";
        assert!(suites.contains(failure), "{suites}");
    }
}
