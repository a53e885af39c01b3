//! One turn on one partition: drives the consume machine, with the handler beside it.
//!
//! While a request is in flight, the machine is told nothing but its outcome. The lease
//! counts from the time at which a request was sent, and the machine takes the last time
//! that it was told for that (L2). The end of the handler's work waits until then.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select;
use gapless_model::consume::{Consume, News, Outcome};
use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seq};

use super::beside::{Beside, Handled};
use super::end::WorkerError;
use super::handler::{Delivery, Fence, Handler, HandlerError, is_permanent, within};
use super::stop::Stop;
use crate::observe::{Machine, Told};
use crate::stream::Shared;
use crate::vocabulary::{Backoff, Group, Live, Owner, Slots, StoreError, Timer, Timestamp};

/// What a turn works with.
pub(super) struct TurnSetting<'a, H> {
    pub(super) shared: &'a Shared,
    pub(super) group: &'a Group,
    pub(super) partition: &'a PartitionId,
    pub(super) owner: &'a Owner,
    pub(super) handler: &'a H,
    pub(super) retries: Retries,
    pub(super) stop: &'a Stop,
    pub(super) crowd: &'a Crowd,
    pub(super) pages: Pages,
}

/// Where a turn's pages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    /// They are read from the Events table.
    Stored,
    /// There are no events: each page is one that shows a single slot behind the checkpoint.
    MadeUp,
}

/// When a turn makes room for others.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Whether partitions wait for a turn while all places are taken.
    pub(super) others_wait: AtomicBool,
    /// For how long a turn goes on while they wait.
    pub(super) quota: Duration,
}

impl Crowd {
    /// No other turn waits.
    pub(super) fn none() -> Crowd {
        Crowd { others_wait: AtomicBool::new(false), quota: Duration::ZERO }
    }
}

/// The most bytes of a note why a handler failed.
const MOST_NOTE: usize = 1024;

/// How often a handler is tried, and for how long each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    pub(super) most: u32,
    pub(super) first: Duration,
    pub(super) limit: Option<Duration>,
}

/// How a turn ended, and how many events its handler had finished by then, up to which slot.
#[derive(Debug)]
pub(super) struct TurnEnd {
    pub(super) outcome: Result<Outcome, WorkerError>,
    pub(super) delivered: u64,
    pub(super) cursor: Seq,
    /// Partitions that are to be looked at next because of how it ended.
    pub(super) leads_to: Vec<PartitionId>,
}

impl TurnEnd {
    /// How a turn ends that did not begin.
    pub(super) fn unbegun(outcome: Result<Outcome, WorkerError>) -> TurnEnd {
        TurnEnd { outcome, delivered: 0, cursor: Seq::ZERO, leads_to: Vec::new() }
    }
}

/// A turn under way.
pub(super) struct Turn<'a, H> {
    setting: TurnSetting<'a, H>,
    machine: Consume<Live>,
    beside: Beside<'a>,
    /// What the clock showed last, and whether it was set back since the turn began.
    latest: Timestamp,
    is_set_back: bool,
    /// For how long it goes on while others wait.
    quota: Timer,
    /// How many deliveries the handler finished, and whether more was known to be behind the last.
    deliveries: u64,
    is_more_behind: bool,
    /// How many events the handler finished, and how many it has in hand.
    delivered: u64,
    in_hand: u64,
    /// The first slot of these that has any.
    first_in_hand: Option<Seq>,
    /// Which attempt at the delivery in hand this is, and how long to rest after it.
    attempt: u32,
    rest: Backoff,
    /// For how long the store may be silent from the last answer on, and how long to wait before the
    /// next attempt.
    patience: Option<Timer>,
    backoff: Backoff,
}

impl<'a, H: Handler> Turn<'a, H> {
    /// Begins a turn, now, on a partition that comes right behind these.
    pub(super) fn new(setting: TurnSetting<'a, H>, parents: Vec<PartitionId>) -> Turn<'a, H> {
        let TurnSetting { shared, group, partition, owner, .. } = setting;
        let (group, partition, owner) = (group.clone(), partition.clone(), owner.clone());
        let now = shared.clock.now();
        let end = shared.routes.end(&partition);
        let mut machine = Consume::new(&shared.rules, group, partition, owner, now).after(parents);
        machine.ends_at(end);
        let quota = shared.clock.timer(setting.crowd.quota);
        let rest = Backoff::new(setting.retries.first);
        Turn {
            setting,
            machine,
            beside: Beside::default(),
            latest: now,
            is_set_back: false,
            quota,
            deliveries: 0,
            is_more_behind: false,
            delivered: 0,
            in_hand: 0,
            first_in_hand: None,
            attempt: 1,
            rest,
            patience: None,
            backoff: Backoff::default(),
        }
    }

    /// Runs the turn to its end.
    pub(super) async fn run(mut self) -> TurnEnd {
        let outcome = self.drive().await;
        let leads_to = match &outcome {
            // P1: a parent that is sealed and not drained goes first, up to its end.
            Ok(Outcome::Blocked) => match self.machine.blocked() {
                Some((parent, Some(end))) => {
                    self.setting.shared.routes.learn_end(parent, end);
                    vec![parent.clone()]
                }
                Some((_, None)) | None => Vec::new(),
            },
            // P1: nothing keeps the children back any more.
            Ok(Outcome::CaughtUp) if self.machine.has_drained() => {
                self.setting.shared.routes.children(self.setting.partition)
            }
            Ok(_) | Err(_) => Vec::new(),
        };
        let cursor = self.machine.cursor();
        TurnEnd { outcome, delivered: self.delivered, cursor, leads_to }
    }

    async fn drive(&mut self) -> Result<Outcome, WorkerError> {
        let TurnSetting { shared, partition, stop, pages, .. } = self.setting;
        shared.show_start(self.observed());
        loop {
            // L2: a worker looks at its clock before it acts, a retry of the handler included.
            let now = shared.clock.now();
            self.tell(now, News::Time);
            self.look_at_clock(now);
            let ends = stop.is_requested() || self.is_set_back || self.has_had_its_share();
            if ends && self.machine.may_stop() {
                self.tell(now, News::Stop);
            }
            if let Some((fence, handled)) = self.beside.take_handled() {
                self.handler_ended(now, fence, handled).await?;
            }
            let wants = self.machine.wants(&shared.rules);
            if let Some(outcome) = wants.done {
                if outcome == Outcome::Lost && self.beside.is_handling() {
                    self.say_repeated("the lease was lost while events were handled");
                }
                tracing::debug!(%partition, ?outcome, "the turn is over");
                return Ok(outcome);
            }
            if wants.trigger {
                if pages == Pages::Stored {
                    shared.notices.notify(partition);
                }
                self.tell(now, News::Triggered);
                continue;
            }
            let has_no_time = self.is_set_back || stop.is_requested();
            if has_no_time && wants.store.is_none() && !self.machine.holds_lease() {
                // It watches another's lease, which a clock that was set back would make long.
                return Ok(Outcome::Busy);
            }
            let (store, wake) = (wants.store, wants.wake);
            // D2: one delivery at a time, in order.
            if let Some(delivery) = &wants.deliver
                && !self.beside.is_handling()
            {
                let fence = Fence { epoch: delivery.epoch, upto: delivery.upto };
                let (after, page) = (delivery.after, delivery.page.clone());
                self.deliver(fence, after, page);
            }
            match store {
                Some(request) => self.exchange(&request, wake).await?,
                None => self.wait(wake).await,
            }
        }
    }

    /// Notices if the clock was set back by more than clocks may differ. What the turn waits for, the
    /// grace of a gap or the time to renew, would last longer by as much; the next turn begins anew.
    fn look_at_clock(&mut self, now: Timestamp) {
        let latest = std::mem::replace(&mut self.latest, now);
        // Not even clocks that are well kept are right to the millisecond.
        let most = self.setting.shared.rules.skew.max(Duration::from_millis(100));
        self.is_set_back |= latest.since(now) > most;
    }

    /// Whether it has been at work for as long as it may while others wait, and is not just about
    /// to find that nothing is left.
    fn has_had_its_share(&mut self) -> bool {
        let has_more = self.deliveries > 1 || (self.deliveries == 1 && self.is_more_behind);
        let others_wait = self.setting.crowd.others_wait.load(Ordering::Relaxed);
        has_more && others_wait && self.quota.is_over()
    }

    /// Says why events are delivered more than once, which their handler may wonder about.
    fn say_repeated(&self, why: &str) {
        let TurnSetting { group, partition, owner, .. } = self.setting;
        let (epoch, from) = (self.machine.epoch(), self.first_in_hand.unwrap_or_default());
        tracing::warn!(%group, %partition, %owner, %epoch, %from, "{why}: events are delivered more than once");
    }

    fn observed(&self) -> Machine<'_> {
        let TurnSetting { owner, group, partition, .. } = self.setting;
        Machine::Turn { owner, group, partition, machine: &self.machine }
    }

    fn tell(&mut self, now: Timestamp, news: News<Live>) {
        let shared = self.setting.shared;
        shared.show_told(self.observed(), Told::News(now, &news));
        self.machine.tell(&shared.rules, now, news);
    }

    /// Gives a delivery to the handler, and reads ahead meanwhile.
    fn deliver(&mut self, fence: Fence, after: Seq, page: Slots) {
        let TurnSetting { shared, group, partition, handler, retries, .. } = self.setting;
        self.is_more_behind = !page.ends_with(fence.upto);
        // A page that shows more shows a gap, and is read anew after the checkpoint.
        let is_cut = self.is_more_behind && page.last() == Some(fence.upto);
        if self.attempt == 1 && is_cut {
            self.read_ahead(fence.upto);
        }
        let (group, partition) = (group.clone(), partition.clone());
        let delivery = Delivery::new(group, partition, fence, after, page, self.attempt);
        self.in_hand = delivery.events().count() as u64;
        self.first_in_hand = delivery.events().next().map(|event| event.position.slot);
        let handling = within(retries.limit, &shared.clock, handler.handle(delivery));
        let handled =
            handling.map(|ended| ended.map_or_else(Handled::Failed, |()| Handled::Finished));
        self.beside.handle(fence, handled.boxed());
    }

    /// The handler finished, failed, or has rested after a failure.
    async fn handler_ended(
        &mut self,
        now: Timestamp,
        fence: Fence,
        handled: Handled,
    ) -> Result<(), WorkerError> {
        let TurnSetting { shared, partition, retries, .. } = self.setting;
        match handled {
            Handled::Finished => {
                self.deliveries += 1;
                self.delivered += self.in_hand;
                (self.attempt, self.rest) = (1, Backoff::new(retries.first));
                // If the lease ended meanwhile, the machine no longer waits for the handler.
                if self.machine.wants(&shared.rules).deliver.is_some() {
                    // D3: only what the handler finished lets the checkpoint move.
                    self.tell(now, News::Handled);
                } else {
                    self.say_repeated("the lease ended before the handler was done");
                }
            }
            Handled::Failed(why) if self.attempt >= retries.most || is_permanent(&why) => {
                self.note_failure(fence, &why).await;
                let attempts = self.attempt;
                let partition = partition.clone();
                return Err(WorkerError::Handler { partition, at: fence, attempts, why });
            }
            Handled::Failed(why) => {
                let attempt = self.attempt;
                tracing::warn!(%partition, %fence, attempt, %why, "the handler failed");
                let resting = shared.clock.sleep(self.rest.next()).map(|()| Handled::Rested);
                self.beside.handle(fence, resting.boxed());
            }
            Handled::Rested => self.attempt += 1,
        }
        Ok(())
    }

    /// Sends the request that the machine wants, and tells it the reply. Without a reply it
    /// pauses, and the machine still wants the same request, unless it can do without.
    async fn exchange(
        &mut self,
        request: &Request<Live>,
        wake: Option<Timestamp>,
    ) -> Result<(), WorkerError> {
        let TurnSetting { shared, stop, .. } = self.setting;
        // It counts from the first request that is not answered.
        self.patience.get_or_insert_with(|| shared.clock.timer(shared.patience));
        let answer = self.send(request, wake).await;
        if self.machine.can_do_without() && stop.is_requested() {
            // Whatever it has found is the successor's.
            self.tell(shared.clock.now(), News::Stop);
            return Ok(());
        }
        match answer {
            Ok(reply) => {
                (self.patience, self.backoff) = (None, Backoff::default());
                self.tell(shared.clock.now(), News::Reply(reply));
                Ok(())
            }
            // D2: what the handler has finished is not delivered again for a look that fails.
            Err(error) if self.machine.can_do_without() => {
                let partition = self.setting.partition;
                tracing::debug!(%partition, %error, "the look behind a delivery failed");
                self.tell(shared.clock.now(), News::Unheard);
                Ok(())
            }
            Err(error) if error.is_transient() => {
                if self.patience.as_mut().is_some_and(Timer::is_over) {
                    return Err(error.into());
                }
                let pause = self.backoff.next();
                let pause = self.within_lease(wake, pause);
                self.beside.during(shared.clock.sleep(pause)).await;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a request, or takes what was read ahead.
    async fn send(
        &mut self,
        request: &Request<Live>,
        wake: Option<Timestamp>,
    ) -> Result<Reply<Live>, StoreError> {
        let TurnSetting { shared, owner, pages, .. } = self.setting;
        if let Request::ReadEvents { after, .. } = request {
            if pages == Pages::MadeUp {
                return Ok(Reply::Page(Slots::made_up(after.next())));
            }
            if self.beside.is_reading(*after) {
                let limit = pin!(shared.clock.sleep(shared.attempt));
                let read = pin!(self.beside.page_read());
                select(read, limit).map(|_| ()).await;
            }
            if let Some(page) = self.beside.take_page(*after) {
                return Ok(Reply::Page(page));
            }
            self.beside.stop_reading();
        }
        let most = self.within_lease(wake, shared.attempt);
        self.beside.during(shared.send_once(owner.as_str(), request, most)).await
    }

    /// Waits until the time for which the machine asked, the end of the handler's work, or a
    /// request to stop.
    async fn wait(&mut self, wake: Option<Timestamp>) {
        let TurnSetting { shared, stop, .. } = self.setting;
        let woken = shared.clock.sleep_until_any(wake);
        // Once it was told to stop, it waits for the handler and not for the request again.
        if self.machine.may_stop() {
            let stopped = stop.wait();
            self.beside.until(select(pin!(woken), pin!(stopped)).map(|_| ())).await;
        } else {
            self.beside.until(woken).await;
        }
    }

    /// A span, cut where the lease ends.
    fn within_lease(&self, wake: Option<Timestamp>, span: Duration) -> Duration {
        match wake {
            // L2: when the lease ends, the request is given up, and the handler with it. So is a
            // look when the lease is to be renewed.
            Some(ends) if self.machine.holds_lease() => {
                span.min(ends.since(self.setting.shared.clock.now()))
            }
            Some(_) | None => span,
        }
    }

    /// Reads what comes after a delivery while it is handled.
    fn read_ahead(&mut self, upto: Seq) {
        let TurnSetting { shared, partition, .. } = self.setting;
        let partition = partition.clone();
        let reading = async move {
            let request = Request::ReadEvents { partition, after: upto, consistent: true };
            shared.wire.send(&request).await
        };
        self.beside.read(upto, reading.boxed());
    }

    /// Stores on the consumer's item why the worker stops. The lease is left to end by
    /// itself: until then the next worker does not try the same events.
    async fn note_failure(&mut self, fence: Fence, why: &HandlerError) {
        let TurnSetting { shared, group, partition, .. } = self.setting;
        let mut note = match self.first_in_hand.filter(|first| *first < fence.upto) {
            Some(first) => format!("slots {first} to {}: {why}", fence.upto),
            None => format!("slot {}: {why}", fence.upto),
        };
        // An item has room for 400 KB, and every sweep reads it.
        note.truncate(note.floor_char_boundary(MOST_NOTE));
        let noted = shared.wire.note_failure(group, partition, self.machine.epoch(), &note).await;
        if let Err(error) = noted {
            tracing::warn!(%partition, %error, "the handler's failure could not be stored on the consumer's item");
        }
    }
}
