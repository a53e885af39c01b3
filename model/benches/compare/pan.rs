//! Spin: it makes a verifier in C of the Promela model, which is compiled and run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use gapless_model_bench::{Measured, Outcome};

use super::budget::Budget;

/// The model's files. The first includes the others.
const MODEL: [(&str, &str); 4] = [
    ("stream.pml", include_str!("promela/stream.pml")),
    ("judges.pml", include_str!("promela/judges.pml")),
    ("producer.pml", include_str!("promela/producer.pml")),
    ("worker.pml", include_str!("promela/worker.pml")),
];

/// The text of the model.
pub fn text() -> String {
    MODEL.map(|(_, text)| text).concat()
}

/// How Spin searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Every order of steps, and each state as it is.
    Plain,
    /// With partial-order reduction.
    Reduced,
    /// With collapse compression.
    Collapsed,
}

impl Variant {
    /// The name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Variant::Plain => "Spin",
            Variant::Reduced => "Spin, reduced",
            Variant::Collapsed => "Spin, collapsed",
        }
    }

    /// What the compiler is told.
    const fn flags(self) -> &'static [&'static str] {
        match self {
            Variant::Plain => &["-DNOREDUCE"],
            Variant::Reduced => &[],
            Variant::Collapsed => &["-DNOREDUCE", "-DCOLLAPSE"],
        }
    }
}

/// A program that is not installed, and the package that has it.
pub struct Missing {
    /// The program.
    pub program: &'static str,
    /// Debian's package.
    pub package: &'static str,
}

/// Returns the first program that is needed and not installed.
pub fn missing() -> Option<Missing> {
    let needed = [("spin", "-V", "spin"), ("gcc", "--version", "gcc")];
    let found = |program: &str, argument: &str| Command::new(program).arg(argument).output();
    let (program, _, package) =
        needed.into_iter().find(|(program, argument, _)| found(program, argument).is_err())?;
    Some(Missing { program, package })
}

/// A verifier of the model with some parameters.
pub struct Pan {
    directory: PathBuf,
}

/// Makes the verifier of a budget, which takes at most `memory` MiB.
///
/// # Errors
/// As [`build`].
pub fn verifier(budget: Budget, variant: Variant, memory: usize) -> Result<Pan, String> {
    let Budget { events, crashes, lost_replies, expiries } = budget;
    let name = format!("{events}-{crashes}-{lost_replies}-{expiries}-{variant:?}");
    let parameters = [
        format!("-DEVENTS={events}"),
        format!("-DCRASHES={crashes}"),
        format!("-DLOST_REPLIES={lost_replies}"),
        format!("-DEXPIRIES={expiries}"),
    ];
    let memory = format!("-DMEMLIM={memory}");
    let flags = [&["-O2"], variant.flags(), &[memory.as_str()]].concat();
    build(&name, &parameters, &flags)
}

/// Makes a verifier of the model with these parameters, in a directory of this name.
///
/// # Errors
/// A file cannot be written, or Spin or the compiler refuses the model.
pub fn build(name: &str, parameters: &[String], flags: &[&str]) -> Result<Pan, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spin").join(name.to_lowercase());
    let write = |(file, text)| std::fs::write(directory.join(file), text);
    std::fs::create_dir_all(&directory)
        .and_then(|()| MODEL.into_iter().try_for_each(write))
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    run(Command::new("spin").args(parameters).args(["-a", "stream.pml"]).current_dir(&directory))?;
    run(Command::new("gcc")
        .args(["-w", "-DSAFETY"])
        .args(flags)
        .args(["-o", "pan", "pan.c"])
        .current_dir(&directory))?;
    Ok(Pan { directory })
}

impl Pan {
    /// Searches, with a hash table that has room for `expected` states.
    ///
    /// # Errors
    /// The verifier does not start, or did not search everything, or an assertion is violated.
    pub fn search(&self, expected: u64) -> Result<Measured, String> {
        let began = Instant::now();
        let said = self.say(expected)?;
        let seconds = began.elapsed().as_secs_f64();
        let row = is_complete(&said).then(|| read(&said, seconds)).flatten();
        row.ok_or_else(|| format!("pan says:\n{}", said.trim()))
    }

    /// Searches for a violated assertion. Returns whether there is one.
    ///
    /// # Errors
    /// The verifier does not start, or neither found one nor searched everything.
    pub fn violates(&self) -> Result<bool, String> {
        let said = self.say(1 << 20)?;
        match said.contains("assertion violated") {
            false if !is_complete(&said) => Err(format!("pan says:\n{}", said.trim())),
            violated => Ok(violated),
        }
    }

    /// Returns what the verifier prints.
    fn say(&self, expected: u64) -> Result<String, String> {
        let bits = expected.max(1 << 10).next_power_of_two().ilog2();
        let mut pan = Command::new(self.directory.join("pan"));
        pan.args(["-m10000".to_owned(), format!("-w{bits}")]).current_dir(&self.directory);
        Ok(String::from_utf8_lossy(&run(&mut pan)?.stdout).into_owned())
    }
}

/// Whether the verifier searched everything and found nothing.
fn is_complete(said: &str) -> bool {
    said.contains("errors: 0")
        && !said.contains("max search depth too small")
        && !said.contains("Search not completed")
}

/// Reads what the verifier prints at the end.
fn read(said: &str, seconds: f64) -> Option<Measured> {
    let number = |after: &str| -> Option<f64> {
        let line = said.lines().find(|line| line.contains(after))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let states = number("states, stored")? as u64;
    // Spin counts the first state as a transition.
    let transitions = number("transitions (=")? as u64 - 1;
    // All of it: states, hash table and stack. Spin's megabyte is 1,048,576 bytes.
    let memory = (number("total actual memory usage")? * f64::from(1 << 20)) as u64;
    Some(Measured { states, transitions, seconds, memory, outcome: Outcome::Exhaustive })
}

/// Runs a program.
fn run(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    Err(format!("{name} fails:\n{}", said.join("\n").trim()))
}
