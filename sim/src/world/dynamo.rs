//! The node of the store: what DynamoDB does beside storing. It takes its time, turns
//! calls away, fails in the middle, and forgets what is under way when it restarts.

use std::sync::Arc;

use madsim::net::Endpoint;
use madsim::net::rpc::Request;
use madsim::time::sleep;
use serde::{Deserialize, Serialize};

use super::store::{nature, says};
use super::{World, lock, now};
use crate::dice::Dice;
use crate::fault::{Fault, Nature};
use crate::plan::Process;

/// One attempt at one call, on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) process: u16,
    pub(super) attempt: u32,
    pub(super) operation: String,
    pub(super) body: Vec<u8>,
    pub(super) fault: Option<Fault>,
    /// Whether the network made it out of another.
    pub(super) copy: bool,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Request for Call {
    type Response = Answer;
    const ID: u64 = 0x6761_7031;
}

impl Answer {
    /// An error as DynamoDB words it.
    fn error(status: u16, kind: &str, message: &str) -> Answer {
        let space = "com.amazonaws.dynamodb.v20120810";
        let body = serde_json::json!({ "__type": format!("{space}#{kind}"), "message": message });
        Answer { status, body: body.to_string().into_bytes() }
    }

    fn conflict(operation: &str) -> Answer {
        if operation != "TransactWriteItems" {
            let message = "Transaction is ongoing for the item";
            return Answer::error(400, "TransactionConflictException", message);
        }
        let message =
            "Transaction cancelled, please refer cancellation reasons for specific reasons";
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "message": message,
            "CancellationReasons": [
                { "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" },
                { "Code": "None" },
            ],
        });
        Answer { status: 400, body: body.to_string().into_bytes() }
    }
}

/// Serves calls, until the node is killed.
pub(crate) async fn serve(world: Arc<World>) {
    let endpoint =
        Endpoint::bind(super::dynamo_address()).await.expect("the store's own port is free");
    endpoint.add_rpc_handler(move |call: Call| {
        let world = Arc::clone(&world);
        async move { answer(&world, call).await }
    });
    std::future::pending::<()>().await;
}

async fn answer(world: &World, call: Call) -> Answer {
    let process = Process(call.process);
    let mut dice = Dice::at(
        world.plan.seed,
        &[2, u64::from(call.process), u64::from(call.attempt), u64::from(call.copy)],
    );
    sleep(dice.latency(world.plan.latency.duration())).await;
    let slow = lock(&world.slow)
        .iter()
        .filter(|slow| now() < slow.until && says(&call.body, &format!("\"{}\"", slow.partition)))
        .map(|slow| slow.by)
        .max();
    if let Some(by) = slow {
        sleep(by.duration()).await;
    }
    let refuse = |fault: &'static str, answer: Answer| {
        let did = world.store.words(&call);
        world.book().lost(now(), &world.plan.name(process), did, fault);
        answer
    };
    let throttled = || {
        let message = "Throughput exceeds the current capacity of your table or index.";
        Answer::error(400, "ThrottlingException", message)
    };
    // A copy was struck once already, by being one.
    let fault = if call.copy { None } else { call.fault };
    match fault {
        Some(Fault::Throttle) => return refuse("throttle", throttled()),
        Some(Fault::Conflict) => return refuse("conflict", Answer::conflict(&call.operation)),
        Some(Fault::InternalBefore) => {
            let answer = Answer::error(500, "InternalServerError", "Internal server error");
            return refuse("internal-before", answer);
        }
        _ => {}
    }
    let stormy = now() < *lock(&world.storm_until);
    if stormy && nature(&call.operation, &call.body) != Nature::Other && dice.percent(80) {
        return refuse("storm", throttled());
    }
    let answer = world.store.execute(world, &call, &mut dice);
    match fault {
        Some(Fault::InternalAfter) => {
            Answer::error(500, "InternalServerError", "Internal server error")
        }
        _ => answer,
    }
}
