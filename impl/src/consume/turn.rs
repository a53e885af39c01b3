//! One turn on one partition: drives the consume machine, the handler beside it.
//!
//! While a request is in flight the machine is told nothing but its outcome: the
//! lease counts from when a request was sent, and the machine takes the last time
//! it was told for that (L2). What the handler has to say waits so long.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, select};
use gapless_model::consume::{Consume, News, Outcome};
use gapless_model::store::{Reply, Request};
use gapless_model::{Epoch, Page, PartitionId, Seen, Seq};

use super::handler::{Delivery, Fence, Handler, HandlerError};
use super::stop::Stop;
use crate::observe::{Machine, Told};
use crate::stream::Shared;
use crate::vocabulary::{Backoff, Group, Live, Owner, Slots, StoreError, Timestamp};

/// What a turn is run with.
pub(crate) struct Turn<'a, H> {
    pub(crate) shared: &'a Shared,
    pub(crate) group: &'a Group,
    pub(crate) partition: &'a PartitionId,
    pub(crate) owner: &'a Owner,
    pub(crate) handler: &'a H,
    pub(crate) retries: Retries,
    pub(crate) stop: &'a Stop,
}

/// How often a handler that fails is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    pub(crate) most: u32,
    pub(crate) first: Duration,
}

/// How a turn ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) delivered: u64,
}

/// Why a turn could not go on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The store refused a request for good, or did not answer.
    Store(StoreError),
    /// The handler failed once too often.
    Handler { at: Fence, attempts: u32, why: HandlerError },
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Broken {
        Broken::Store(error)
    }
}

/// What goes on with a delivery.
enum Handled {
    /// The handler is done.
    Done,
    /// It failed.
    Failed(HandlerError),
    /// It was given a pause after it failed, and that is over.
    Rested,
}

/// What became of a request.
type Answer = Result<Reply<Live>, StoreError>;

/// What goes on beside the store's requests.
struct Beside<'a> {
    handling: Option<(Fence, BoxFuture<'a, Handled>)>,
    handled: Option<(Fence, Handled)>,
    /// The page behind the delivery, read while the handler works.
    ahead: Option<(Seq, BoxFuture<'a, Answer>)>,
    read: Option<(Seq, Slots)>,
}

impl Beside<'_> {
    /// Lets the handler and the read ahead go on. Ready when the handler is done.
    fn poll(&mut self, context: &mut std::task::Context<'_>) -> Poll<()> {
        if let Some((after, reading)) = &mut self.ahead
            && let Poll::Ready(answer) = reading.poll_unpin(context)
        {
            self.read = match answer {
                Ok(Reply::Page(page)) => Some((*after, page)),
                // It will be read again, and the answer heard, when it is wanted.
                Ok(_) | Err(_) => None,
            };
            self.ahead = None;
        }
        if let Some((fence, handling)) = &mut self.handling
            && let Poll::Ready(done) = handling.poll_unpin(context)
        {
            self.handled = Some((*fence, done));
            self.handling = None;
        }
        if self.handled.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Awaits something else while the handler goes on.
    async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        poll_fn(|context| {
            let _ = self.poll(context);
            other.as_mut().poll(context)
        })
        .await
    }

    /// Awaits something else, or the handler, whichever is first.
    async fn until(&mut self, other: impl Future<Output = ()>) {
        let mut other = pin!(other);
        poll_fn(|context| match self.poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => other.as_mut().poll(context),
        })
        .await;
    }

    /// A page that was read ahead, if it can stand for a read now. What it shows
    /// stays true for ever (S1); what it does not show may be there by now, so it
    /// must show the very next slot: a tail or a gap is looked at anew (P1).
    fn page_after(&mut self, slot: Seq) -> Option<Slots> {
        let (after, page) = self.read.take()?;
        (after == slot && page.seen(slot.next()) != Seen::Nothing).then_some(page)
    }
}

impl<'a, H: Handler> Turn<'a, H> {
    /// Runs the turn to its end.
    pub(crate) async fn run(&self) -> Result<Ended, Broken> {
        let Turn { shared, group, partition, owner, .. } = *self;
        let (rules, clock) = (&shared.rules, &shared.clock);
        let mut machine = Consume::<Live>::new(
            rules,
            group.clone(),
            partition.clone(),
            owner.clone(),
            clock.now(),
        );
        shared.began(self.watched(&machine));
        let mut beside = Beside { handling: None, handled: None, ahead: None, read: None };
        let (mut delivered, mut in_hand, mut backoff) = (0, 0, Backoff::default());
        let (mut attempt, mut rest) = (1, Backoff::new(self.retries.first));
        let mut silent_since: Option<Timestamp> = None;
        loop {
            // It looks at its clock before it acts (L2, scenario 7).
            let now = clock.now();
            self.tell(&mut machine, now, News::Time);
            if self.stop.is_asked() && machine.may_stop() {
                self.tell(&mut machine, now, News::Stop);
            }
            if let Some((fence, done)) = beside.handled.take() {
                match done {
                    Handled::Done => {
                        delivered += in_hand;
                        (attempt, rest) = (1, Backoff::new(self.retries.first));
                        // If the lease ended meanwhile, nobody waits for it any more.
                        if machine.wants(rules).deliver.is_some() {
                            self.tell(&mut machine, now, News::Handled);
                        }
                    }
                    Handled::Failed(why) if attempt >= self.retries.most => {
                        self.note(machine.epoch(), fence, &why).await;
                        return Err(Broken::Handler { at: fence, attempts: attempt, why });
                    }
                    Handled::Failed(why) => {
                        tracing::warn!(%partition, %fence, attempt, %why, "the handler failed");
                        let resting = clock.sleep(rest.next()).map(|()| Handled::Rested);
                        beside.handling = Some((fence, resting.boxed()));
                    }
                    // The clock was looked at since: the lease may have ended meanwhile (L2).
                    Handled::Rested => attempt += 1,
                }
            }
            let wants = machine.wants(rules);
            if let Some(outcome) = wants.done {
                tracing::debug!(%partition, ?outcome, "the turn is over");
                return Ok(Ended { outcome, delivered });
            }
            if wants.trigger {
                shared.notices.notify(partition);
                self.tell(&mut machine, now, News::Triggered);
                continue;
            }
            if let Some(delivery) = &wants.deliver
                && beside.handling.is_none()
            {
                let fence = Fence { epoch: delivery.epoch, upto: delivery.upto };
                let page = delivery.page.clone();
                if attempt == 1 {
                    self.read_ahead(&mut beside, &page, fence.upto);
                }
                let delivery =
                    Delivery::new(group.clone(), partition.clone(), fence, delivery.after, page);
                in_hand = delivery.events().count() as u64;
                let handling = self.handler.handle(delivery.again(attempt));
                let handled =
                    handling.map(|done| done.map_or_else(Handled::Failed, |()| Handled::Done));
                beside.handling = Some((fence, handled.boxed()));
            }
            let (store, wake) = (wants.store.clone(), wants.wake);
            match store {
                Some(request) => match self.ask(&mut beside, &machine, &request, wake).await {
                    Ok(reply) => {
                        (silent_since, backoff) = (None, Backoff::default());
                        self.tell(&mut machine, clock.now(), News::Reply(reply));
                    }
                    Err(error) if error.is_transient() => {
                        let since = *silent_since.get_or_insert(now);
                        if clock.now().since(since) > shared.patience {
                            return Err(error.into());
                        }
                        let pause = self.within_lease(&machine, wake, backoff.next());
                        beside.during(clock.sleep(pause)).await;
                    }
                    Err(error) => return Err(error.into()),
                },
                None => {
                    let woken = async {
                        match wake {
                            Some(then) => clock.sleep_until(then).await,
                            None => std::future::pending().await,
                        }
                    };
                    // Once told to stop it waits for the handler, not for the signal again.
                    if machine.may_stop() {
                        let stopped = self.stop.asked();
                        beside.until(select(pin!(woken), pin!(stopped)).map(|_| ())).await;
                    } else {
                        beside.until(woken).await;
                    }
                }
            }
        }
    }

    fn watched<'m>(&'m self, machine: &'m Consume<Live>) -> Machine<'m> {
        let Turn { owner, group, partition, .. } = *self;
        Machine::Turn { owner, group, partition, machine }
    }

    fn tell(&self, machine: &mut Consume<Live>, now: Timestamp, news: News<Live>) {
        self.shared.told(self.watched(machine), Told::News(now, &news));
        machine.tell(&self.shared.rules, now, news);
    }

    /// Asks the store, or takes what was read ahead. A request that keeps the lease
    /// is not waited for longer than the lease lasts.
    async fn ask(
        &self,
        beside: &mut Beside<'a>,
        machine: &Consume<Live>,
        request: &Request<Live>,
        wake: Option<Timestamp>,
    ) -> Answer {
        if let Request::ReadEvents { after, .. } = request {
            if let Some((wanted, _)) = &beside.ahead
                && wanted == after
            {
                // It is under way already.
                let limit = pin!(self.shared.clock.sleep(self.shared.attempt));
                let arrived = pin!(poll_fn(|context| {
                    let _ = beside.poll(context);
                    if beside.ahead.is_none() { Poll::Ready(()) } else { Poll::Pending }
                }));
                select(arrived, limit).map(|_| ()).await;
            }
            if let Some(page) = beside.page_after(*after) {
                return Ok(Reply::Page(page));
            }
            beside.ahead = None;
        }
        let most = self.within_lease(machine, wake, self.shared.attempt);
        beside.during(self.shared.attempt(self.owner.as_str(), request, most)).await
    }

    /// No longer than the lease lasts: when it ends, the handler ends with it (L2).
    fn within_lease(
        &self,
        machine: &Consume<Live>,
        wake: Option<Timestamp>,
        span: Duration,
    ) -> Duration {
        match wake {
            Some(ends) if machine.holds_lease() => span.min(ends.since(self.shared.clock.now())),
            Some(_) | None => span,
        }
    }

    /// Reads what comes after this delivery while it is handled.
    fn read_ahead(&self, beside: &mut Beside<'a>, page: &Slots, upto: Seq) {
        // A page that is not full ends at the tail; what comes after is not there yet.
        let more =
            page.last().is_some_and(|last| last > upto) || page.shown().len() >= Slots::LIMIT;
        if !more {
            (beside.ahead, beside.read) = (None, None);
            return;
        }
        let shared = self.shared;
        let partition = self.partition.clone();
        let reading = async move {
            let request = Request::ReadEvents { partition, after: upto, consistent: true };
            shared.wire.send(&request).await
        };
        (beside.ahead, beside.read) = (Some((upto, reading.boxed())), None);
    }

    /// Notes on the consumer's item why it stops. The lease is left to end by itself:
    /// that is how long the next worker waits before it tries the same events.
    async fn note(&self, epoch: Epoch, fence: Fence, why: &HandlerError) {
        let note = format!("slot {}: {why}", fence.upto);
        let noted = self.shared.wire.note_failure(self.group, self.partition, epoch, &note).await;
        if let Err(error) = noted {
            tracing::warn!(partition = %self.partition, %error, "the failure could not be noted");
        }
    }
}
