//! The node of the store: what DynamoDB does besides storing. It has latency, throttles
//! calls, fails halfway, and drops the requests in progress when it restarts.

use std::sync::Arc;

use madsim::net::Endpoint;
use madsim::time::sleep;

use super::addresses::dynamo_address;
use super::attempt::{Attempt, HttpReply, call_kind, names};
use super::injector::EXPIRED;
use super::shared::Cluster;
use super::store::Store;
use crate::moment::now;
use crate::plan::{CallKind, Dice, Fault};

/// Serves calls, until the node is killed.
pub(crate) async fn serve(cluster: Arc<Cluster>, store: Arc<Store>) {
    let endpoint = Endpoint::bind(dynamo_address()).await.expect("the store's own port is free");
    endpoint.add_rpc_handler(move |call: Attempt| {
        let (cluster, store) = (Arc::clone(&cluster), Arc::clone(&store));
        async move { handle(&cluster, &store, call).await }
    });
    std::future::pending::<()>().await;
}

async fn handle(cluster: &Cluster, store: &Store, call: Attempt) -> HttpReply {
    let mut dice = Dice::at(
        cluster.plan.seed,
        &[2, u64::from(call.node.0), u64::from(call.number), u64::from(call.copy)],
    );
    sleep(dice.latency(cluster.plan.latency.duration())).await;
    if let Some(by) = cluster.injector.delay(|partition: &str| names(&call.call, partition)) {
        sleep(by.duration()).await;
    }
    let refuse = |fault: &'static str, answer: HttpReply| {
        let did = call.describe(&store.names);
        cluster.recorder().note_lost(now(), &cluster.plan.name(call.node), did, fault);
        answer
    };
    let throttled = || {
        let message = "Throughput exceeds the current capacity of your table or index.";
        HttpReply::error(400, "ThrottlingException", message)
    };
    // A copy was signed while that was allowed.
    if !call.copy && cluster.injector.is_locked_out(call.node) {
        let message = "The security token included in the request is expired";
        let answer = HttpReply::error(400, EXPIRED, message);
        return refuse("lock-out", answer);
    }
    // A copy is struck by no further fault.
    let fault = if call.copy { None } else { call.fault };
    match fault {
        Some(Fault::Throttle) => return refuse("throttle", throttled()),
        Some(Fault::Conflict) => return refuse("conflict", HttpReply::conflict(&call.operation)),
        Some(Fault::InternalBefore) => {
            let answer = HttpReply::error(500, "InternalServerError", "Internal server error");
            return refuse("internal-before", answer);
        }
        _ => {}
    }
    if cluster.injector.is_stormy()
        && call_kind(&call.operation, None) != CallKind::Other
        && dice.percent(80)
    {
        return refuse("storm", throttled());
    }
    let answer = store.execute(cluster, &call, &mut dice);
    match fault {
        Some(Fault::InternalAfter) => {
            HttpReply::error(500, "InternalServerError", "Internal server error")
        }
        _ => answer,
    }
}
