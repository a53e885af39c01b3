//! The node of the store: what DynamoDB does beside storing. It takes its time, turns
//! calls away, fails in the middle, and forgets what is under way when it restarts.

use std::sync::Arc;

use madsim::net::Endpoint;
use madsim::time::sleep;

use super::addresses::dynamo_address;
use super::call::{Answer, Call, nature, says};
use super::shared::World;
use super::store::Store;
use crate::moment::now;
use crate::plan::{Dice, Fault, Nature, Process};

/// Serves calls, until the node is killed.
pub(crate) async fn serve(world: Arc<World>, store: Arc<Store>) {
    let endpoint = Endpoint::bind(dynamo_address()).await.expect("the store's own port is free");
    endpoint.add_rpc_handler(move |call: Call| {
        let (world, store) = (Arc::clone(&world), Arc::clone(&store));
        async move { answer(&world, &store, call).await }
    });
    std::future::pending::<()>().await;
}

async fn answer(world: &World, store: &Store, call: Call) -> Answer {
    let process = Process(call.process);
    let mut dice = Dice::at(
        world.plan.seed,
        &[2, u64::from(call.process), u64::from(call.attempt), u64::from(call.copy)],
    );
    sleep(dice.latency(world.plan.latency.duration())).await;
    let names = |partition: &str| says(&call.body, &format!("\"{partition}\""));
    if let Some(by) = world.injector.delay(names) {
        sleep(by.duration()).await;
    }
    let refuse = |fault: &'static str, answer: Answer| {
        let did = call.words(&store.names);
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
    if world.injector.is_stormy()
        && nature(&call.operation, &call.body) != Nature::Other
        && dice.percent(80)
    {
        return refuse("storm", throttled());
    }
    let answer = store.execute(world, &call, &mut dice);
    match fault {
        Some(Fault::InternalAfter) => {
            Answer::error(500, "InternalServerError", "Internal server error")
        }
        _ => answer,
    }
}
