//! The options of the command line.

use std::path::{Path, PathBuf};

use gapless_model_bench::number;

use super::series::{SERIES, Series};

/// What the command line accepts.
pub const USAGE: &str = "\
usage: cargo bench -p gapless-model-bench --bench growth -- [option value]...

  --budget NAME  raise only this budget, such as crashes; can be given again (default: all)
  --limit N      the longest time of a search, in seconds, 1 to 3600 (default: 60)
  --memory N     the most memory of a search, in MiB (default: 4096)
  --out FOLDER   where searches.ndjson, time.svg and memory.svg go (default: growth, among the
                 files of the build); a relative path begins at the root of the repository
  --draw FILE    draw the pictures from an earlier searches.ndjson, and search nothing";

/// The options of the command line.
pub struct Options {
    /// The budgets to raise.
    pub series: Vec<&'static Series>,
    /// The longest time of a search, in seconds.
    pub limit: u64,
    /// The most memory of a search, in MiB.
    pub memory: usize,
    /// Where the results go.
    pub out: PathBuf,
    /// The results of an earlier run, if nothing is to be searched.
    pub draw: Option<PathBuf>,
}

impl Options {
    /// Reads the command line; `None` if it asks for help.
    ///
    /// # Errors
    /// An option that is unknown, or a value that it does not take.
    pub fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("growth");
        let mut options = Options { series: Vec::new(), limit: 60, memory: 4096, out, draw: None };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--budget" => options.series.push(series(arguments.next())?),
                "--limit" => options.limit = number(argument, arguments.next(), 1, 3600)?,
                "--memory" => options.memory = number(argument, arguments.next(), 64, 1 << 20)?,
                "--out" => options.out = path(argument, arguments.next())?,
                "--draw" => options.draw = Some(path(argument, arguments.next())?),
                _ => return Err(format!("{argument} is not an option")),
            }
        }
        if options.series.is_empty() {
            options.series = SERIES.iter().collect();
        }
        Ok(Some(options))
    }
}

/// Reads the value of `--budget`.
fn series(given: Option<&String>) -> Result<&'static Series, String> {
    let series = SERIES.iter().find(|series| given.is_some_and(|given| given == series.budget));
    series.ok_or_else(|| {
        let names: Vec<_> = SERIES.iter().map(|series| series.budget).collect();
        format!("--budget takes one of {}", names.join(", "))
    })
}

/// Reads a path. Cargo runs a benchmark in the folder of its package.
fn path(option: &str, given: Option<&String>) -> Result<PathBuf, String> {
    let given = given.ok_or_else(|| format!("{option} takes a path"))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    Ok(root.unwrap_or(Path::new("")).join(given))
}
