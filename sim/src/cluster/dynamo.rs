//! The node of the store: what DynamoDB does besides storing. It has latency, throttles
//! calls, fails halfway and in parts, and drops the requests in progress when it restarts.

use std::sync::Arc;

use madsim::net::Endpoint;
use madsim::time::sleep;

use super::addresses::dynamo_address;
use super::attempt::{Attempt, HttpReply, call_kind, names};
use super::refusals;
use super::shared::Cluster;
use super::store::Store;
use crate::plan::{CallKind, Dice, Fault, StorePart};

/// Serves calls, until the node is killed.
pub(crate) async fn serve(cluster: Arc<Cluster>, store: Arc<Store>) {
    let endpoint = Endpoint::bind(dynamo_address()).await.expect("the store's own port is free");
    endpoint.add_rpc_handler(move |call: Attempt| {
        let (cluster, store) = (Arc::clone(&cluster), Arc::clone(&store));
        async move { handle(&cluster, &store, call).await }
    });
    std::future::pending::<()>().await;
}

async fn handle(cluster: &Cluster, store: &Store, mut call: Attempt) -> HttpReply {
    let mut dice = Dice::at(
        cluster.plan.seed,
        &[2, u64::from(call.node.0), u64::from(call.number), u64::from(call.copy)],
    );
    sleep(dice.latency(cluster.plan.latency.duration())).await;
    if let Some(by) = cluster.injector.delay(|partition: &str| names(&call.call, partition)) {
        sleep(by.duration()).await;
    }
    let refuse = |fault: &'static str, answer: HttpReply| {
        cluster.record_lost(&call, &store.names, fault);
        answer
    };
    let seed = cluster.plan.seed;
    let throttled = || refusals::throttled(seed, &call);
    if cluster.injector.has_expired(call.node, call.signed) {
        return refuse("lock-out", refusals::locked_out());
    }
    // A copy is struck by no further fault.
    let fault = if call.copy { None } else { call.fault };
    match fault {
        Some(Fault::Throttle) => return refuse("throttle", throttled()),
        Some(Fault::Conflict) => return refuse("conflict", refusals::conflict(seed, &call)),
        Some(Fault::InternalBefore) => {
            let answer = HttpReply::error(500, "InternalServerError", "Internal server error");
            return refuse("internal-before", answer);
        }
        _ => {}
    }
    let is_of_tables = call_kind(&call.operation, None) != CallKind::Other;
    if cluster.injector.is_stormy() && is_of_tables && dice.percent(80) {
        return refuse("storm", throttled());
    }
    let is_hot = cluster.injector.is_hot(|partition| names(&call.call, partition));
    if is_hot && dice.percent(70) {
        return refuse("hot-partition", throttled());
    }
    // DynamoDB holds back the writes of a table whose index cannot keep up, and answers its reads.
    let is_held_back = cluster.injector.is_index_hot()
        && call_kind(&call.operation, None) == CallKind::Write
        && store.is_about(&call, StorePart::Partitions);
    if is_held_back && dice.percent(70) {
        cluster.recorder().mark("a write is held back for a hot index");
        return refuse("hot-index", throttled());
    }
    if cluster.injector.is_out(|part| store.is_about(&call, part)) {
        match dice.below(10) {
            0 => {}
            // It is applied, and fails then.
            1 | 2 => call.fault = Some(Fault::InternalAfter),
            _ => return refuse("outage", refusals::unavailable(seed, &call)),
        }
    }
    let answer = store.execute(cluster, &call, &mut dice);
    match call.fault {
        Some(Fault::InternalAfter) => {
            HttpReply::error(500, "InternalServerError", "Internal server error")
        }
        _ => answer,
    }
}
