//! What every process of a node runs in: there its steps are counted.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::pace::Ended;
use super::shared::Cluster;
use crate::plan::Node;

/// Runs a process of a node, and counts its steps. Returns nothing if it was ended because it took
/// too many, which is a violation, or because the run is cut off.
pub(crate) async fn paced<F: Future>(
    cluster: Arc<Cluster>,
    node: Node,
    process: F,
) -> Option<F::Output> {
    let mut process = pin!(process);
    let ended =
        poll_fn(|context| match cluster.pace.poll(node, || process.as_mut().poll(context)) {
            Ok(polled) => polled.map(Ok),
            Err(ended) => Poll::Ready(Err(ended)),
        });
    match ended.await {
        Ok(output) => return Some(output),
        Err(Ended::CutOff) => {}
        Err(Ended::Overrun(overrun)) => {
            let judgement = cluster.recorder().judge.judge_overrun(node, overrun);
            cluster.record_judgement(judgement);
        }
    }
    None
}
