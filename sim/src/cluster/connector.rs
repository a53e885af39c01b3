//! The connector between a node's SDK client and the store: here messages are lost, repeated,
//! cut short and delayed.

use std::io::ErrorKind;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use gapless::embedded::{http_response, operation_and_body};
use gapless::{Live, TableNames};
use gapless_model::store::Request;
use madsim::net::Endpoint;
use madsim::time::{sleep, timeout};
use serde_json::Value;

use super::addresses::{address, dynamo_address};
use super::attempt::{Attempt, HttpReply, call_kind};
use super::bend::Bend as _;
use super::gate::{Flight, Grant, Waiting, Wanted, asks};
use super::shared::Cluster;
use crate::decode::{self, Read};
use crate::judge::Step;
use crate::moment::now;
use crate::plan::{CallKind, Dice, Fault, Millis, Moment, Node, PREFIX};

/// A node's connection to the store.
#[derive(Clone)]
pub(super) struct Connector {
    cluster: Arc<Cluster>,
    node: Node,
    endpoint: Arc<Endpoint>,
    tables: Arc<TableNames>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connector").field(&self.node).finish()
    }
}

impl Connector {
    pub(super) async fn new(cluster: Arc<Cluster>, node: Node) -> Connector {
        let endpoint = Endpoint::bind((address(node), 0)).await;
        let endpoint = Arc::new(endpoint.expect("a port of its own is free on every node"));
        let tables = Arc::new(TableNames::prefixed(PREFIX));
        Connector { cluster, node, endpoint, tables }
    }

    /// Sends a call, subject to the fault that strikes it.
    async fn exchange(self, operation: String, body: Vec<u8>) -> Result<HttpReply, ConnectorError> {
        let call = self.begin_attempt(operation, &body);
        if let Some(gate) = &self.cluster.gate
            && let Some(wanted) = self.wanted(&call)
            && let Some(waiting) = gate.wait(self.node, wanted, self.cluster.clock(self.node))
        {
            return self.exchange_scripted(call, &waiting).await;
        }
        let (fault, kind) = (call.fault, call_kind(&call.operation, call.read));
        let gives_up = self.cluster.plan.read_timeout.duration();
        if let Some(by) = self.cluster.injector.lag(self.node) {
            sleep(by.duration()).await;
        }
        match fault {
            Some(Fault::LoseRequest) => {
                if let Some(reply) = self.lose(&call, "lose-request") {
                    return Ok(reply);
                }
                sleep(gives_up).await;
                return Err(timeout_error());
            }
            Some(Fault::RefuseConnection) => {
                let answer = self.lose(&call, "refuse-connection");
                return answer.ok_or_else(|| io_error(ErrorKind::ConnectionRefused));
            }
            Some(Fault::Late { after }) => {
                send_copy(&self.cluster, call.clone(), after);
                self.note_delay(&call);
                sleep(gives_up).await;
                return Err(timeout_error());
            }
            Some(Fault::Duplicate { after }) => send_copy(&self.cluster, call.clone(), after),
            Some(Fault::Slow { by }) => sleep(by.duration()).await,
            Some(
                Fault::LoseReply
                | Fault::CutReply
                | Fault::BreakConnection
                | Fault::Throttle
                | Fault::Conflict
                | Fault::InternalBefore
                | Fault::InternalAfter
                | Fault::Unprocessed
                | Fault::Stale { .. },
            )
            | None => {}
        }
        let lock_outs = self.cluster.injector.lock_outs(self.node);
        let answered = timeout(gives_up, self.endpoint.call(dynamo_address(), call)).await;
        let Ok(Ok(mut answer)) = answered else { return Err(timeout_error()) };
        if self.cluster.injector.lock_outs(self.node) > lock_outs {
            self.note_lock_out(kind, answer.status);
            sleep(gives_up).await;
            return Err(timeout_error());
        }
        match fault {
            Some(Fault::LoseReply) => {
                sleep(gives_up).await;
                Err(timeout_error())
            }
            Some(Fault::BreakConnection) => Err(io_error(ErrorKind::ConnectionReset)),
            Some(Fault::CutReply) => {
                answer.body.truncate(answer.body.len() / 2);
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }

    /// What a call is in a script; nothing if no step of a script can be it, as with the calls that
    /// open a stream, enter a partition into the index or note why a handler failed. These pass: in
    /// the checked world no process makes them, and nothing depends on them.
    fn wanted(&self, call: &Attempt) -> Option<Wanted> {
        let is_process = self.node != self.cluster.plan.operator();
        let sweeps = || matches!(call.operation.as_str(), "BatchGetItem" | "Query" | "Scan");
        match call.request(&self.tables).filter(|_| is_process) {
            Some(request) => Some(asks(&request)),
            None => (is_process && sweeps()).then_some(Wanted::Sweep),
        }
    }

    /// Sends a call as the script says.
    async fn exchange_scripted(
        &self,
        mut call: Attempt,
        waiting: &Waiting<'_>,
    ) -> Result<HttpReply, ConnectorError> {
        let grant = waiting.granted().await;
        let fault = match grant {
            Grant::Pass | Grant::Depart | Grant::Refuse => None,
            Grant::LoseReply => Some(Fault::LoseReply),
            Grant::Delay => Some(Fault::Late { after: Millis(0) }),
        };
        if let Some(fault) = fault {
            self.cluster.note_strike(self.node, call.number, fault);
            call.fault = Some(fault);
        }
        match grant {
            Grant::Refuse => return Err(io_error(ErrorKind::ConnectionRefused)),
            Grant::Delay => {
                if let Some(Wanted::Ask { words, .. }) = self.wanted(&call) {
                    self.cluster.script_gate().keep(words, call);
                }
                return Err(timeout_error());
            }
            Grant::Depart => waiting.comes_to(Flight::Landing).await,
            Grant::Pass | Grant::LoseReply => {}
        }
        let gives_up = self.cluster.plan.read_timeout.duration();
        let answered = timeout(gives_up, self.endpoint.call(dynamo_address(), call)).await;
        let Ok(Ok(answer)) = answered else { return Err(timeout_error()) };
        match grant {
            Grant::LoseReply => Err(timeout_error()),
            Grant::Depart => {
                waiting.note(Flight::Applied);
                waiting.comes_to(Flight::Heard).await;
                Ok(answer)
            }
            Grant::Pass | Grant::Refuse | Grant::Delay => Ok(answer),
        }
    }

    /// Numbers an attempt, and draws the fault that strikes it.
    fn begin_attempt(&self, operation: String, body: &[u8]) -> Attempt {
        self.cluster.pace.step(self.node, Step::Call);
        let number = self.cluster.injector.next_attempt(self.node);
        let (call, read) = self.decoded(&operation, body);
        // How many random numbers a call has drawn so far depends on the SDK's features, and so
        // on the rest of the build. From here on that makes no difference.
        let path = [6, u64::from(self.node.0), u64::from(number)];
        fastrand::seed(Dice::at(self.cluster.plan.seed, &path).draw());
        let kind = call_kind(&operation, read);
        let fault = self.cluster.draw_fault(self.node, number, kind, read);
        let signed = self.cluster.injector.lock_outs(self.node);
        Attempt { node: self.node, number, operation, call, read, fault, signed, copy: false }
    }

    /// A call as a mutant leaves it, and the read that it is.
    fn decoded(&self, operation: &str, body: &[u8]) -> (Value, Option<Read>) {
        let mut call: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(mutant) = self.cluster.plan.mutant {
            mutant.weaken_read(operation, &mut call);
        }
        let read = decode::read(&self.tables, operation, &call);
        (call, read)
    }

    /// Records a call that never arrives, and returns the answer that a mutant fakes for it.
    fn lose(&self, call: &Attempt, fault: &'static str) -> Option<HttpReply> {
        self.cluster.record_lost(call, &self.tables, fault);
        let made_up = self.cluster.plan.mutant.is_some_and(|mutant| mutant.fakes_success());
        (made_up && call.operation == "PutItem")
            .then(|| HttpReply { status: 200, body: b"{}".to_vec() })
    }

    /// Notes that a write was applied, and has no answer because its process was locked out. Where the
    /// SDK tries again by itself, the refusal of that try is all that it tells.
    fn note_lock_out(&self, kind: CallKind, status: u16) {
        if kind == CallKind::Write && status == 200 && self.cluster.plan.sdk_retries {
            self.cluster.recorder().mark("a process is locked out behind a write of the SDK's");
        }
    }

    /// Notes that a checkpoint is delayed.
    fn note_delay(&self, call: &Attempt) {
        let moves = |request: &Request<Live>| {
            matches!(request, Request::Checkpoint { .. } | Request::Release { to: Some(_), .. })
        };
        if call.request(&self.tables).as_ref().is_some_and(moves) {
            self.cluster.ambushes.note(now(), self.node, Moment::CheckpointDelayed);
        }
    }
}

/// Has the network deliver a copy of a call later, even if its sender has crashed by then.
pub(super) fn send_copy(cluster: &Cluster, call: Attempt, after: Millis) {
    let call = Attempt { copy: true, ..call };
    let Some(network) = cluster.network() else { return };
    drop(network.spawn(async move {
        sleep(after.duration()).await;
        if let Ok(endpoint) = Endpoint::bind("0.0.0.0:0").await {
            // The answer goes nowhere.
            let _ =
                timeout(std::time::Duration::from_secs(60), endpoint.call(dynamo_address(), call))
                    .await;
        }
    }));
}

fn io_error(kind: ErrorKind) -> ConnectorError {
    ConnectorError::io(std::io::Error::from(kind).into())
}

fn timeout_error() -> ConnectorError {
    ConnectorError::timeout("no answer in time".into())
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let (operation, body) = (operation.to_owned(), body.to_vec());
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = connector.exchange(operation, body).await?;
            Ok(http_response(answer.status, answer.body))
        })
    }
}
