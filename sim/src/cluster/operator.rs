//! The operator: creates the stream, audits it beside live traffic, and stands for a process that is
//! configured wrongly.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use gapless::{SetupError, StoreError, Stream};
use madsim::time::sleep;

use super::client::client;
use super::shared::Cluster;
use crate::judge::{Breach, Finding};
use crate::moment::now;
use crate::plan::Millis;

/// Lets an operator work until it is done, or dies.
pub(super) async fn until_death(
    cluster: &Arc<Cluster>,
    dies: Option<Millis>,
    work: impl Future<Output = ()>,
) {
    let Some(dies) = dies else { return work.await };
    if let Either::Right(_) = select(pin!(work), pin!(sleep(dies.duration()))).await {
        cluster.recorder().note(now(), "operator", "dies".to_owned(), None);
    }
}

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

/// Opens the stream with another design than it was founded with. Two designs on the same tables break
/// what each of them promises, so that is refused.
pub(crate) async fn open_otherwise(cluster: &Arc<Cluster>) {
    let node = cluster.plan.operator();
    let Some(design) = cluster.plan.stranger() else { return };
    let client = client(cluster, node).await;
    match Stream::open(client, cluster.plan.config().refuted_design(design)).await {
        Ok(_) => {
            let what =
                "the stream was opened with a design that it was not founded with".to_owned();
            cluster.record_unexplained(node, what);
        }
        Err(SetupError::Design { .. }) => {
            cluster.recorder().mark("a process with another design is refused");
        }
        Err(SetupError::Store(error)) if error.is_transient() => {}
        Err(error) => cluster.record_unexplained(node, format!("cannot open the stream: {error}")),
    }
}

/// Audits the tables when all trouble has ended, so that nothing excuses an audit that does not run.
/// The store may be about to start again: it gets ten attempts.
///
/// # Errors
/// What the last attempt failed with.
pub(crate) async fn audit_at_last(cluster: &Arc<Cluster>) -> Result<(), StoreError> {
    for _ in 1..10 {
        if audit(cluster).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
    audit(cluster).await
}

/// Audits the tables. A finding is a violation.
///
/// # Errors
/// What the store failed with, where a fault can be the cause.
pub(crate) async fn audit(cluster: &Arc<Cluster>) -> Result<(), StoreError> {
    let node = cluster.plan.operator();
    let client = client(cluster, node).await;
    let audited = match Stream::open(client, cluster.plan.config()).await {
        Ok(stream) => stream.audit(|_| {}).await,
        Err(SetupError::Store(error)) => Err(error),
        Err(error) => {
            cluster.record_unexplained(node, format!("cannot open the stream: {error}"));
            return Ok(());
        }
    };
    let audit = match audited {
        Ok(audit) => audit,
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => {
            cluster.record_unexplained(node, format!("an audit failed: {error}"));
            return Ok(());
        }
    };
    let said = format!("audits: {} findings", audit.findings.len());
    cluster.recorder().note(now(), "operator", said, None);
    // With clocks out of bounds a lease may look too long.
    let mut findings = audit.findings.iter().filter(|finding| {
        cluster.plan.timely || !matches!(finding, gapless::Finding::LeaseTooLong { .. })
    });
    if let Some(found) = findings.next() {
        cluster.record_judgement(Err((Breach::Audit, Finding::of_audit(found))));
    }
    Ok(())
}
