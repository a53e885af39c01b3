//! Operators as processes: one level of splits or merges after another, by one operator or by two rivals,
//! and by another one where the first was killed.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{sleep, timeout};

use super::lines::Progress;
use super::moment::Moment;
use super::outage::Operation;
use super::processes::part;
use super::steps::Step;

/// How long an operator may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// What befalls the operators of a level.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    None,
    /// One is killed so long after it has begun with this step, and another does the level again.
    Killed {
        at: usize,
        after: Duration,
    },
    /// Two do the level at the same time.
    Rivals,
}

/// When each step of a level was begun.
struct Level<'a> {
    endpoint: &'a str,
    steps: &'a [Step],
    begun: Mutex<Vec<Option<Moment>>>,
}

/// Has a level done, and says when each operation began first.
pub async fn do_level(
    endpoint: &str,
    steps: &[Step],
    trouble: Trouble,
) -> anyhow::Result<Vec<Operation>> {
    let level = Level { endpoint, steps, begun: Mutex::new(vec![None; steps.len()]) };
    match trouble {
        Trouble::None => level.operate(None).await?,
        Trouble::Killed { at, after } => {
            level.operate(Some((at, after))).await?;
            level.operate(None).await?;
        }
        Trouble::Rivals => {
            let (one, other) = tokio::join!(level.operate(None), level.operate(None));
            one.and(other)?;
        }
    }
    let begun = level.begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    let operation = |(step, begun): (&Step, Option<Moment>)| {
        let begun = begun.with_context(|| format!("{step} was not begun"))?;
        Ok(Operation { step: step.clone(), begun })
    };
    steps.iter().zip(begun).map(operation).collect()
}

impl Level<'_> {
    /// Lets a process do the level, or kills it on its way.
    async fn operate(&self, kill: Option<(usize, Duration)>) -> anyhow::Result<()> {
        let mut args = vec!["operator".to_owned()];
        args.extend(self.steps.iter().map(Step::to_string));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = part(self.endpoint, &args)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn()?;
        let out = child.stdout.take().context("its output")?;
        let mut lines = BufReader::new(out).lines();
        let mut done = 0;
        while let Some(line) =
            timeout(SILENCE, lines.next_line()).await.context("an operator is silent")??
        {
            match serde_json::from_str(&line).with_context(|| line.clone())? {
                Progress::Begun(index, at) => {
                    self.note(index, at);
                    if let Some((victim, after)) = kill
                        && victim == index
                    {
                        sleep(after).await;
                        child.kill().await?;
                        return Ok(());
                    }
                }
                Progress::Ended(..) => done += 1,
            }
        }
        let status = child.wait().await?;
        if !status.success() || done != self.steps.len() {
            bail!("an operator did {done} of {} steps: {status}", self.steps.len());
        }
        Ok(())
    }

    fn note(&self, index: usize, at: Moment) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = begun.get_mut(index) {
            *first = Some(first.map_or(at, |before| before.min(at)));
        }
    }
}
