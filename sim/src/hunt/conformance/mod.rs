//! Conformance over the simulated wire: random dialogues of typed requests are applied to
//! the specification and, through the adapter's mapping and the real SDK, to an engine.
//! Every reply must agree, and a lost request must not be reported as done.
//!
//! No machine takes part: this finds less than a simulation, and says more plainly what
//! differs.

#[cfg(test)]
mod decoding;
mod dialogue;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use gapless::{Live, Stream};
use gapless_model::Mutant;
use gapless_model::design::Design;
use gapless_model::store::{MemoryTables, Request, Tables, View, apply, request_words};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

pub use dialogue::{DialogueStep, request};

use crate::cluster::{Cluster, client};
use crate::engine::EngineKind;
use crate::plan::{ClockPlan, Fault, Plan, Profile};
use crate::play::{Stage, in_cluster, on_a_thread_of_its_own, warm_up};

/// The result of random dialogues.
#[derive(Clone, Debug)]
pub struct Conformity {
    /// The number of dialogues held, up to the first in which a reply differed.
    pub dialogues: u64,
    /// The smallest dialogue found in which a reply differs.
    pub difference: Option<Difference>,
}

/// A dialogue in which engine and specification differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The dialogue. They differ in its last step.
    pub dialogue: Vec<DialogueStep>,
    /// How they differ.
    pub what: String,
}

impl Difference {
    /// The step in which they differ, in words.
    #[must_use]
    pub fn step(&self) -> String {
        match self.dialogue.last() {
            Some(DialogueStep::Send(request)) => request_words(request),
            Some(DialogueStep::Lose(request)) => format!("lost: {}", request_words(request)),
            Some(DialogueStep::ReadHeads) => "read the heads".to_owned(),
            None => String::new(),
        }
    }
}

/// Holds random dialogues with an engine, the same ones in each run. `go_on` is called
/// before each with the number of dialogues so far, and ends the search by returning false.
#[must_use]
pub fn converse(
    mutant: Option<Mutant>,
    engine: EngineKind,
    dialogues: u32,
    go_on: impl Fn(u64) -> bool,
) -> Conformity {
    warm_up();
    let runs = Config { cases: dialogues, failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(runs, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let (held, differs) = (Cell::new(0), Cell::new(false));
    // The last dialogue that failed while proptest shrank it is the smallest.
    let smallest = RefCell::new(None);
    let report = runner.run(&dialogue::dialogue(), |steps| {
        if !differs.get() {
            if !go_on(held.get()) {
                return Ok(());
            }
            held.set(held.get() + 1);
        }
        hold_dialogue(mutant, engine, &steps).map_err(|difference| {
            differs.set(true);
            let reason = difference.what.clone();
            *smallest.borrow_mut() = Some(difference);
            TestCaseError::fail(reason)
        })
    });
    let difference = match report {
        Ok(()) => None,
        Err(TestError::Abort(reason)) => {
            Some(Difference { dialogue: Vec::new(), what: reason.to_string() })
        }
        Err(TestError::Fail(..)) => smallest.into_inner(),
    };
    Conformity { dialogues: held.get(), difference }
}

/// Holds one dialogue in a cluster without producers and workers.
fn hold_dialogue(
    mutant: Option<Mutant>,
    engine: EngineKind,
    steps: &[DialogueStep],
) -> Result<(), Difference> {
    let (plan, owned) = (plan(mutant), steps.to_vec());
    let held = on_a_thread_of_its_own("dialogue", move || {
        in_cluster(&plan, engine, |stage| run_steps(stage, owned))
    });
    held.unwrap_or_else(|panic| Err((steps.len(), panic))).map_err(|(asked, what)| Difference {
        dialogue: steps.iter().take(asked).cloned().collect(),
        what,
    })
}

/// A plan without participants and faults.
fn plan(mutant: Option<Mutant>) -> Plan {
    let mut plan = Profile::Calm.plan(0, Design::RECOMMENDED);
    (plan.producers, plan.workers, plan.groups) = (Vec::new(), Vec::new(), 0);
    plan.clocks = vec![ClockPlan::default()];
    // The stream's only partition is none of those that dialogues are about.
    plan.partition_bits = Some(0);
    (plan.sdk_retries, plan.strikes) = (false, Some(Vec::new()));
    (plan.mutant, plan.invariants_only) = (mutant, true);
    plan
}

/// Runs the steps of a dialogue.
///
/// # Errors
/// After how many steps a reply differed, and how.
async fn run_steps(mut stage: Stage, steps: Vec<DialogueStep>) -> Result<(), (usize, String)> {
    let cluster = Arc::clone(stage.cluster());
    if !stage.set_up().await {
        return Err((0, "the stream cannot be created".to_owned()));
    }
    let held = stage.as_operator(async move {
        let client = client(&cluster, cluster.plan.operator()).await;
        let stream = Stream::open(client, cluster.plan.config()).await;
        let stream = stream.map_err(|error| (0, error.to_string()))?;
        let mut tables = MemoryTables::default();
        for (index, step) in steps.iter().enumerate() {
            let agreed = match step {
                DialogueStep::Send(request) => {
                    send_and_compare(&stream, &mut tables, request).await
                }
                DialogueStep::Lose(request) => send_and_lose(&cluster, &stream, request).await,
                DialogueStep::ReadHeads => compare_heads(&stream, &mut tables).await,
            };
            agreed.map_err(|what| (index + 1, what))?;
        }
        Ok(())
    });
    held.await.unwrap_or_else(|panic| Err((0, panic)))
}

async fn send_and_compare(
    stream: &Stream,
    tables: &mut MemoryTables<Live>,
    request: &Request<Live>,
) -> Result<(), String> {
    let specified = apply(tables, request, View::Latest);
    match stream.wire().send(request).await {
        Ok(answered) if answered == specified => Ok(()),
        Ok(answered) => Err(format!(
            "{request:?}: the engine answers {answered:?}, the specification {specified:?}"
        )),
        Err(error) => {
            Err(format!("{request:?} failed: {error}; the specification answers {specified:?}"))
        }
    }
}

async fn send_and_lose(
    cluster: &Cluster,
    stream: &Stream,
    request: &Request<Live>,
) -> Result<(), String> {
    cluster.injector.strike_next(cluster.plan.operator(), Fault::LoseRequest);
    match stream.wire().send(request).await {
        Err(error) if error.is_transient() => Ok(()),
        Err(error) => {
            Err(format!("{request:?} was lost, but is reported as a final error: {error}"))
        }
        Ok(answered) => {
            Err(format!("{request:?} was lost, but is reported as answered with {answered:?}"))
        }
    }
}

async fn compare_heads(stream: &Stream, tables: &mut MemoryTables<Live>) -> Result<(), String> {
    let partitions = dialogue::partitions();
    let heads = stream.heads(&partitions).await.map_err(|error| error.to_string())?;
    for partition in partitions {
        let request = Request::ReadHead { partition: partition.clone(), name: None };
        // The whole item, with what takes the partition's place.
        send_and_compare(stream, tables, &request).await?;
        let specified = tables.head(&partition);
        let head = heads.get(&partition).copied().unwrap_or_default();
        if head != specified {
            return Err(format!(
                "the head of {partition} is {head}, but the specification says {specified}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{EngineKind, Mutant, converse};

    #[test]
    fn both_engines_answer_dialogues_as_specified() {
        for engine in [EngineKind::Light, EngineKind::Dynoxide] {
            let conformity = converse(None, engine, 100, |_| true);
            assert_eq!(conformity.dialogues, 100);
            assert!(conformity.difference.is_none(), "{:?}", conformity.difference);
        }
    }

    #[test]
    fn a_fence_that_is_dropped_shows_in_a_dialogue_of_few_steps() {
        let mutant = Some(Mutant::CheckpointUnfenced);
        let difference = converse(mutant, EngineKind::Light, 500, |_| true).difference;
        let difference = difference.expect("the fence is missed");
        assert!(difference.dialogue.len() <= 3, "{difference:#?}");
        assert!(difference.step().starts_with("move the checkpoint"), "{difference:#?}");
    }
}
