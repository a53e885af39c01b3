//! The checks that could notice a fault, and how each is run.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::mistake::Mistake;
use crate::workshop::Program;

/// A check: a program and what it is asked.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    program: PathBuf,
    folder: PathBuf,
    arguments: Vec<String>,
    limit: Duration,
}

/// What a check said.
#[derive(Clone, Debug)]
pub enum Said {
    /// Nothing is wrong.
    Nothing,
    /// Something is.
    Noticed(String),
}

/// Which crate's sources have the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Subject {
    /// The crate for production.
    Impl,
    /// The machines, the store and the designs: the model without its checker.
    Model,
}

/// A fault that grows without a bound must not take the machine with it (KiB).
const MEMORY: u64 = 6 << 20;
/// What a check may take beyond four times its time without a fault.
const PATIENCE: Duration = Duration::from_secs(10);

impl Subject {
    /// Its folder, and the start of the paths in it that have no faults.
    pub fn sources(self) -> (&'static str, Option<&'static str>) {
        match self {
            Subject::Impl => ("impl", None),
            Subject::Model => ("model", Some("model/src/check/")),
        }
    }

    /// The packages to build.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Subject::Impl => &["gapless", "gapless-cli"],
            Subject::Model => &["gapless-model", "gapless", "gapless-cli"],
        }
    }

    /// The checks, from the quickest to the dearest.
    pub fn checks(self, programs: &[Program], seeds: u64) -> Result<Vec<Check>, Mistake> {
        let seeds = seeds.to_string();
        let sim = |name, arguments: &[&str]| {
            let arguments = [&["sim", "--jobs", "1"], arguments].concat();
            check(programs, name, ("", "gapless", false), &arguments)
        };
        let checker = |name, arguments: &[&str]| {
            let arguments = [&["check"], arguments].concat();
            check(programs, name, ("", "gapless", false), &arguments)
        };
        let tests = |name, package, program, arguments: &[&str]| {
            check(programs, name, (package, program, true), arguments)
        };
        let conformance = tests("conformance", "", "it", &["conformance", "--test-threads", "1"])?;
        Ok(match self {
            Subject::Impl => vec![
                // Most faults are noticed here, in a third of a second.
                tests("transcripts", "impl", "it", &["transcripts::"])?,
                tests("unit tests", "impl", "gapless", &[])?,
                sim("simulation", &["--seeds", "60"])?,
                conformance,
                tests("integration tests", "impl", "it", &["--skip", "faults::"])?,
                // The crate's default, where the campaigns of the others run the recommended design.
                sim("simulation", &["sweep-trigger", "--seeds", &seeds])?,
                sim("simulation", &["--profile", "calm", "--seeds", "40"])?,
                sim("simulation", &["--profile", "lambda", "--seeds", &seeds])?,
                sim("simulation", &["--profile", "hostile", "--seeds", &seeds])?,
                sim("simulation", &["no-counter", "--seeds", "40"])?,
                sim("simulation", &["transaction", "--seeds", "40"])?,
                sim("simulation", &["observer", "--seeds", "40"])?,
                tests("integration tests", "impl", "it", &["faults::"])?,
                tests("end to end", "", "it", &["commands::", "processes::"])?,
            ],
            Subject::Model => vec![
                checker("checker", &["recommended", "--faults", "1"])?,
                tests("unit tests", "model", "gapless_model", &["--skip", "check::"])?,
                tests("model's tests", "model", "it", &QUICK)?,
                checker("checker", &["recommended"])?,
                conformance,
                checker("checker", &["recommended", "--clocks", "unbounded"])?,
                checker("checker", &["recommended", "--expected", "1"])?,
                sim("simulation", &["--seeds", &seeds])?,
                tests("model's long tests", "model", "it", &skipping(&QUICK))?,
                tests("unit tests", "model", "gapless_model", &["check::"])?,
                checker("checker", &["--all"])?,
            ],
        })
    }
}

/// The modules of the model's tests that search no states, and take no time.
const QUICK: [&str; 11] = [
    "append::",
    "consume::",
    "explanations::",
    "finishing::",
    "history::",
    "random_histories::",
    "searching::",
    "specification::",
    "store::",
    "traces::",
    "wording::",
];

/// The arguments by which a program runs the other tests.
fn skipping(modules: &[&'static str]) -> Vec<&'static str> {
    modules.iter().flat_map(|module| ["--skip", module]).collect()
}

/// A check by the program with this name of the package in this folder of the checkout.
fn check(
    programs: &[Program],
    name: &'static str,
    (package, program, tests): (&str, &str, bool),
    arguments: &[&str],
) -> Result<Check, Mistake> {
    let belongs = |built: &&Program| {
        built.name == program
            && built.tests == tests
            && built.package.ends_with(Path::new("checkout").join(package))
    };
    let found = programs.iter().find(belongs);
    let found = found.ok_or_else(|| Mistake::NoProgram { name: program.to_owned() })?;
    Ok(Check {
        name,
        program: found.path.clone(),
        folder: found.package.clone(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        limit: Duration::from_secs(600),
    })
}

impl Check {
    /// What it is, with what it is asked.
    pub fn title(&self) -> String {
        format!("{}: {}", self.name, self.arguments.join(" "))
    }

    /// Runs it without a fault, which must be right, and remembers how long that took. Returns
    /// nothing if it takes longer than `most`.
    pub fn calibrate(
        &mut self,
        folder: &Path,
        most: Option<Duration>,
    ) -> Result<Option<Duration>, Mistake> {
        let began = Instant::now();
        match self.run_within(most.unwrap_or(self.limit), 0, folder)? {
            Some(Said::Nothing) => {
                let took = began.elapsed();
                self.limit = 4 * took + PATIENCE;
                Ok(Some(took))
            }
            Some(Said::Noticed(how)) => Err(Mistake::Baseline { check: self.title(), how }),
            None if most.is_some() => Ok(None),
            None => Err(Mistake::Baseline { check: self.title(), how: self.too_long() }),
        }
    }

    fn too_long(&self) -> String {
        format!("not done after {} s", self.limit.as_secs())
    }

    /// Runs it with this fault. What it prints goes to a file below `folder`.
    pub fn run(&self, id: u32, folder: &Path) -> Result<Said, Mistake> {
        let said = self.run_within(self.limit, id, folder)?;
        Ok(said.unwrap_or_else(|| Said::Noticed(self.too_long())))
    }

    /// Runs it with this fault. Returns nothing if it is not done within `limit`.
    fn run_within(&self, limit: Duration, id: u32, folder: &Path) -> Result<Option<Said>, Mistake> {
        let printed = folder.join(format!("{id}.txt"));
        let file = fs::create_dir_all(folder).and_then(|()| File::create(&printed));
        let file = file.and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = file.map_err(|why| Mistake::Write { path: printed.clone(), why })?;
        let limited = format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"");
        let mut child = Command::new("bash")
            .args(["-c", &limited])
            .arg(&self.program)
            .args(&self.arguments)
            .env("GAPLESS_SOURCE_MUTANT", id.to_string())
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|why| Mistake::Run { program: self.program.display().to_string(), why })?;
        let Some(status) = wait(&mut child, limit) else { return Ok(None) };
        if status.success() {
            return Ok(Some(Said::Nothing));
        }
        let text = fs::read(&printed).unwrap_or_default();
        let line =
            telling(&String::from_utf8_lossy(&text)).unwrap_or_else(|| match status.signal() {
                Some(signal) => format!("signal {signal}"),
                None => format!("exit code {}", status.code().unwrap_or_default()),
            });
        Ok(Some(Said::Noticed(line)))
    }
}

/// Waits for the end of a process; ends it, with all that it started, when the time is up.
fn wait(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let began = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if began.elapsed() > limit {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = child.wait();
            return None;
        }
        sleep(Duration::from_millis(10));
    }
}

/// The line that says most.
fn telling(text: &str) -> Option<String> {
    let lines = || text.lines().map(str::trim);
    let failed = lines().find(|line| line.starts_with("test ") && line.ends_with("FAILED"));
    let violated = || {
        lines().find(|line| line.contains("violat") || line.contains("seed ") || line.contains('×'))
    };
    let panicked = || lines().find(|line| line.contains("panicked"));
    let line =
        failed.or_else(violated).or_else(panicked).or_else(|| lines().rfind(|l| !l.is_empty()));
    line.map(crate::fault::short)
}
