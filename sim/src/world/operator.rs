//! The operator: creates the stream, and looks after it at bad moments.

use std::sync::Arc;
use std::time::Duration;

use gapless::{SetupError, Stream};
use madsim::time::sleep;

use super::client::client;
use super::shared::World;
use crate::judge::Breach;
use crate::moment::now;

/// Creates the stream, as often as it takes; again, it changes nothing.
pub(crate) async fn create(world: &Arc<World>) -> bool {
    let process = world.plan.operator();
    for _ in 0..100 {
        let client = client(world, process).await;
        match Stream::create(client, world.plan.config()).await {
            Ok(_) => return true,
            Err(SetupError::Store(error)) if error.is_transient() => {
                sleep(Duration::from_millis(200)).await;
            }
            Err(error) => {
                world.unexplained(process, format!("cannot create the stream: {error}"));
                return false;
            }
        }
    }
    false
}

/// Audits the tables: whatever is found must never be.
pub(crate) async fn audit(world: &Arc<World>) {
    let process = world.plan.operator();
    let client = client(world, process).await;
    let Ok(stream) = Stream::open(client, world.plan.config()).await else { return };
    match stream.audit(|_| {}).await {
        Ok(audit) => {
            world.book().note(
                now(),
                "operator",
                format!("audits: {} findings", audit.findings.len()),
                None,
            );
            // Under clocks out of bounds a lease may well look too long.
            let mut findings = audit.findings.iter().filter(|finding| {
                world.plan.timely || !matches!(finding, gapless::Finding::LeaseTooLong { .. })
            });
            if let Some(finding) = findings.next() {
                world.judged(Err((Breach::Audit, finding.to_string())));
            }
        }
        Err(error) if error.is_transient() => {}
        Err(error) => world.unexplained(process, format!("an audit failed: {error}")),
    }
}
