//! The operator: creates the stream, and audits it beside live traffic.

use std::sync::Arc;
use std::time::Duration;

use gapless::{SetupError, Stream};
use madsim::time::sleep;

use super::client::client;
use super::shared::Cluster;
use crate::judge::{Breach, Finding};
use crate::moment::now;

/// Creates the stream, with up to 100 attempts, and returns whether it exists. Creating it
/// once more changes nothing.
pub(crate) async fn create(cluster: &Arc<Cluster>) -> bool {
    let node = cluster.plan.operator();
    for _ in 0..100 {
        let client = client(cluster, node).await;
        match Stream::create(client, cluster.plan.config()).await {
            Ok(_) => return true,
            Err(SetupError::Store(error)) if error.is_transient() => {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                cluster.record_unexplained(node, format!("cannot create the stream: {error}"));
                return false;
            }
        }
    }
    false
}

/// Audits the tables. A finding is a violation.
pub(crate) async fn audit(cluster: &Arc<Cluster>) {
    let node = cluster.plan.operator();
    let client = client(cluster, node).await;
    let Ok(stream) = Stream::open(client, cluster.plan.config()).await else { return };
    match stream.audit(|_| {}).await {
        Ok(audit) => {
            cluster.recorder().note(
                now(),
                "operator",
                format!("audits: {} findings", audit.findings.len()),
                None,
            );
            // With clocks out of bounds a lease may look too long.
            let mut findings = audit.findings.iter().filter(|finding| {
                cluster.plan.timely || !matches!(finding, gapless::Finding::LeaseTooLong { .. })
            });
            if let Some(found) = findings.next() {
                cluster.record_judgement(Err((Breach::Audit, Finding::of_audit(found))));
            }
        }
        Err(error) if error.is_transient() => {}
        Err(error) => cluster.record_unexplained(node, format!("an audit failed: {error}")),
    }
}
