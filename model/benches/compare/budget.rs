//! The faults that may strike, and the options of the command line.

use std::fmt;

use gapless_model::check::Bounds;
use gapless_model_bench::{Way, number};

/// What the command line accepts.
pub const USAGE: &str = "\
usage: cargo bench -p gapless-model-bench --bench compare -- [option value]...

  --crashes N, --lost-replies N, --expiries N
               search one budget: at most N faults of each kind on a path, 0 to 4
               (default: a row for each of several budgets, up to 1 of each)
  --events N   the number of events that each producer appends, 1 to 3 (default: 1)
  --runs N     search N times and show the fastest search, 1 to 100 (default: 1)
  --memory N   the most memory of a search, in MiB (default: 8192)
  --variants   also run Spin with partial-order reduction, and with collapse compression
  --only WAY   search with this crate's checker alone, and only in this way, for a profile:
               stateright, plain, reduced or shipped
  --self-check only see that every assertion of the Promela model can fail; without
               any option, that comes before the table";

/// The size of the input, and the largest number of faults of each kind on one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The number of events that each producer appends.
    pub events: u8,
    /// The number of crashes.
    pub crashes: u8,
    /// The number of lost replies.
    pub lost_replies: u8,
    /// The number of leases that end while their owner is alive.
    pub expiries: u8,
}

impl Budget {
    /// The bounds of the checker: those of [`Bounds::DEFAULT`] with no fault of another kind, and
    /// no cap on the sum.
    pub fn bounds(self) -> Bounds {
        let mut bounds = Bounds::DEFAULT;
        let sizes = ["producers", "batch", "expected", "workers", "groups", "partitions", "skew"];
        for bound in Bounds::ALL.iter().filter(|bound| !sizes.contains(&bound.name)) {
            (bound.set)(&mut bounds, 0);
        }
        let Budget { events, crashes, lost_replies, expiries } = self;
        let faults = crashes + lost_replies + expiries;
        Bounds { events, crashes, lost_replies, expiries, faults, ..bounds }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { crashes, lost_replies, expiries, .. } = self;
        f.pad(&format!("{crashes} + {lost_replies} + {expiries}"))
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Both.
    All,
    /// The table.
    Table,
    /// The self-check of the Promela model.
    SelfCheck,
}

/// The options of the command line.
pub struct Options {
    /// The budgets to search.
    pub budgets: Vec<Budget>,
    /// How often to search each.
    pub runs: u8,
    /// The most memory of a search, in MiB.
    pub memory: usize,
    /// Whether to run Spin in its other ways, too.
    pub variants: bool,
    /// The one search of each budget, if there is to be only one.
    pub only: Option<Way>,
    /// What to do.
    pub part: Part,
}

impl Options {
    /// Reads the command line; `None` if it asks for help.
    ///
    /// # Errors
    /// An option that is unknown, or a value out of range.
    pub fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
        let (mut events, mut faults, mut chosen) = (1, [0; 3], false);
        let part = if arguments.is_empty() { Part::All } else { Part::Table };
        let mut options = Options {
            budgets: Vec::new(),
            runs: 1,
            memory: 8192,
            variants: false,
            only: None,
            part,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let kind = ["--crashes", "--lost-replies", "--expiries"]
                .iter()
                .position(|kind| kind == argument);
            match (argument.as_str(), kind) {
                ("--variants", _) => options.variants = true,
                ("--only", _) => options.only = Some(way(arguments.next())?),
                ("--self-check", _) => options.part = Part::SelfCheck,
                ("--help" | "-h", _) => return Ok(None),
                ("--events", _) => events = number(argument, arguments.next(), 1, 3)?,
                ("--runs", _) => options.runs = number(argument, arguments.next(), 1, 100)?,
                ("--memory", _) => {
                    options.memory = number(argument, arguments.next(), 64, 1 << 20)?;
                }
                (_, Some(kind)) => {
                    faults[kind] = number(argument, arguments.next(), 0, 4)?;
                    chosen = true;
                }
                _ => return Err(format!("{argument} is not an option")),
            }
        }
        let rows: &[[u8; 3]] = match chosen {
            true => &[faults],
            false => &[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]],
        };
        let budget = |&[crashes, lost_replies, expiries]: &[u8; 3]| Budget {
            events,
            crashes,
            lost_replies,
            expiries,
        };
        options.budgets = rows.iter().map(budget).collect();
        Ok(Some(options))
    }
}

/// Reads the value of `--only`.
fn way(given: Option<&String>) -> Result<Way, String> {
    let way = Way::ALL.into_iter().find(|way| given.is_some_and(|given| given == way.name()));
    way.ok_or_else(|| format!("--only takes {}", Way::ALL.map(Way::name).join(", ")))
}
