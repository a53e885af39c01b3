//! What a stream's clones share, and how they send requests: once, or until the store
//! answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, FutureExt, select};
use gapless_model::store::{Reply, Request};
use gapless_model::{PartitionId, Rules};

use super::layout::Layout;
use super::routes::Routes;
use crate::notices::Notices;
use crate::observe::{Asked, Decision, Machine, Observer, Told};
use crate::vocabulary::{Backoff, Clock, Live, SetupError, StoreError};
use crate::wire::{Listing, Wire};

/// The number of the next call. Streams may share an observer, so it is one for the process.
static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

/// What a stream's clones share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) wire: Wire,
    pub(crate) clock: Clock,
    pub(crate) rules: Rules<Live>,
    pub(crate) layout: Layout,
    /// What this process knows of the seals of the stream's partitions.
    pub(crate) routes: Routes,
    pub(crate) patience: Duration,
    pub(crate) attempt: Duration,
    pub(crate) notices: Notices,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl Shared {
    /// Shows the observer a machine that starts, or goes on.
    pub(crate) fn show_start(&self, machine: Machine<'_>) {
        if let Some(observer) = &self.observer {
            observer.on_start(machine);
        }
    }

    /// Shows the observer what a machine is about to be told.
    pub(crate) fn show_told(&self, machine: Machine<'_>, told: Told<'_>) {
        if let Some(observer) = &self.observer {
            observer.on_tell(machine, told);
        }
    }

    /// Refuses a partition that no stream of this layout can have.
    pub(crate) fn check_partition(&self, partition: &PartitionId) -> Result<(), StoreError> {
        if self.layout.has(partition) { Ok(()) } else { Err(self.no_partition(partition)) }
    }

    /// The error for a partition that the stream does not have.
    pub(crate) fn no_partition(&self, partition: &PartitionId) -> StoreError {
        let why = format!(
            "the stream has no partition {partition}: its layout is another, or nothing was split or \
             merged into it"
        );
        StoreError::Refused { table: self.wire.tables().consumers.clone(), why }
    }

    /// Lists every partition that the stream began with, or where each key has its own, that the index
    /// shows, with what in the index cannot be read.
    pub(crate) async fn list_partitions(&self) -> Result<Listing<()>, StoreError> {
        match self.layout.all() {
            Some(all) => Ok(Listing::of(all.into_iter().map(|partition| (partition, ())))),
            None => self.wire.partitions().await,
        }
    }

    /// Does something again and again, until the store answers or patience runs out.
    pub(crate) async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        what: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        patiently(&self.clock, self.patience, what).await
    }

    /// Sends a request once. An answer that does not come within `most` is unknown.
    pub(crate) async fn send_once(
        &self,
        who: &str,
        request: &Request<Live>,
        most: Duration,
    ) -> Result<Reply<Live>, StoreError> {
        let sent_at = self.clock.now();
        let call = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
        if let Some(observer) = &self.observer {
            observer.on_request(&Asked { call, sent_at, who, request });
        }
        // Boxed: the SDK's futures are nested so deeply that a caller's crate, with a few more around
        // them, would meet the compiler's limit.
        let sent = self.wire.send(request).boxed();
        let limit = std::pin::pin!(self.clock.sleep(most));
        let answer = match select(sent, limit).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(StoreError::Unknown {
                table: String::from("DynamoDB"),
                why: format!("no answer within {most:?}").into(),
            }),
        };
        if let Some(observer) = &self.observer {
            let answered_at = self.clock.now();
            let answer = &answer;
            observer.on_decision(&Decision { call, sent_at, answered_at, who, request, answer });
        }
        if let Err(error) = &answer
            && error.is_transient()
        {
            let (partition, writes) = (request.partition(), request.writes());
            tracing::debug!(who, %partition, writes, %error, "a request failed");
        }
        answer
    }

    /// Sends a request until the store answers it, or patience runs out.
    pub(crate) async fn send_until_answered(
        &self,
        who: &str,
        request: &Request<Live>,
    ) -> Result<Reply<Live>, StoreError> {
        self.patiently(|| self.send_once(who, request, self.attempt)).await
    }
}

/// Does something again and again, with pauses that grow, until the store answers or patience runs
/// out.
pub(super) async fn patiently<T, E: MayPass, F: Future<Output = Result<T, E>>>(
    clock: &Clock,
    patience: Duration,
    mut what: impl FnMut() -> F,
) -> Result<T, E> {
    let (mut patience, mut backoff) = (clock.timer(patience), Backoff::default());
    loop {
        match what().await {
            Err(error) if error.may_pass() && !patience.is_over() => {
                // The last attempt is made when patience ends, and not up to two seconds later.
                let pause = std::pin::pin!(clock.sleep(backoff.next()));
                select(pause, std::pin::pin!(patience.over())).await;
            }
            answered => return answered,
        }
    }
}

/// An error that may pass by itself.
pub(super) trait MayPass {
    fn may_pass(&self) -> bool;
}

impl MayPass for StoreError {
    fn may_pass(&self) -> bool {
        self.is_transient()
    }
}

impl MayPass for SetupError {
    fn may_pass(&self) -> bool {
        matches!(self, SetupError::Store(error) if error.is_transient())
    }
}
