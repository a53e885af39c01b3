//! An operator: it does its steps one after another, and says when.

use std::io::stdout;

use crate::reshape::lines::{self, Progress};
use crate::reshape::link;
use crate::reshape::moment::Moment;
use crate::reshape::steps::Step;

/// Does the steps. What another operator has done before is done again, which changes nothing.
pub async fn operate(endpoint: &str, steps: &[Step]) -> anyhow::Result<()> {
    let stream = link::open(link::client(endpoint)).await?;
    for (index, step) in steps.iter().enumerate() {
        lines::write(stdout(), &Progress::Begun(index, Moment::now()))?;
        match step {
            Step::Split(parent) => drop(stream.split(parent).await?),
            Step::Merge(parents) => drop(stream.merge(parents).await?),
        }
        lines::write(stdout(), &Progress::Ended(index, Moment::now()))?;
    }
    Ok(())
}
