//! One append, from taking a number to its answer.

use crate::design::{Increment, OwnToken, SlotWrite, Trigger};
use crate::ids::{Number, Seq};
use crate::rules::Rules;
use crate::store::{Head, Keep, Raise, Record, Reply, Request, Slot, Write};
use crate::vocabulary::{Batch, Vocabulary};

/// The append of one batch to one partition.
///
/// The machine is never told about an unknown outcome, such as a timeout or a lost reply; it
/// keeps wanting the same request. Every reply that it understands allows for the request having
/// been applied before, which also covers the retries inside the SDK (scenario 2).
///
/// See the [module](super) for its phases. If it is dropped before it has its
/// [`answer`](Append::answer), the batch may or may not be in the log, now or later.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// For the checkpoint files of the checker alone: production keeps no half-done append.
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Append<V: Vocabulary> {
    partition: V::Partition,
    token: V::Token,
    batch: V::Batch,
    identity: Identity<V>,
    expected: Option<Seq>,
    /// What takes the partition's place, once the append has met its seal.
    children: Vec<V::Partition>,
    phase: Phase,
}

/// The producer of an append.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub enum Identity<V: Vocabulary> {
    /// A producer without a name. If it dies and its input is appended again, an event can be in
    /// the log twice.
    Anonymous,
    /// A producer that keeps its name across restarts, and appends nothing twice.
    Named(Session<V>),
}

/// What a named producer knows of itself in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Session<V: Vocabulary> {
    /// The producer's name.
    pub name: V::Name,
    /// The producer's record as it last saw it. Every raise demands it (S2).
    pub record: Record,
    /// The number of the last event in the batch that it appends now, in its own count.
    pub number: Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
enum Phase {
    /// Read the head before raising it.
    ReadHead,
    /// Read the tail.
    ReadTail,
    /// Read the slot that an earlier run was given.
    Recover { slot: Seq },
    /// Take a number.
    Raise { head: Option<Seq> },
    /// Take a number and write the slot, in one transaction.
    RaiseAndWrite { head: Seq },
    /// Write the slot.
    Write { slot: Seq },
    /// The batch is in the log; send the trigger.
    Notify { slot: Seq },
    /// Nothing is left to do.
    Answered(Answer),
}

/// The final outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
pub enum Answer {
    /// The batch is in this slot, for good.
    Appended(Seq),
    /// The head was not where the caller expected it. The batch is not in the log and never
    /// will be.
    Conflict {
        /// The head that refused the append; without a counter, or with one that is behind the
        /// events, the taken slot.
        head: Seq,
    },
    /// The partition was sealed before the append had a slot there: the batch is not in the log, and never
    /// will be by this append. [`Append::children`] are the partitions where its events belong now.
    Sealed,
    /// A later run of the same producer has claimed the name, and decides what becomes of the
    /// batch.
    Fenced,
}

/// What an append asks of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want<V: Vocabulary> {
    /// Send this request and tell the reply.
    Store(Request<V>),
    /// Send a trigger to the partition's consumers, then call [`Append::notified`].
    Trigger,
    /// Nothing: the append has its answer.
    Nothing,
}

impl<V: Vocabulary> Append<V> {
    /// Starts an append of `batch`, which is called `token` for good. With `expected`, the append
    /// is refused with a conflict unless that is still the head.
    #[must_use]
    pub fn new(
        rules: &Rules<V>,
        partition: V::Partition,
        token: V::Token,
        batch: V::Batch,
        identity: Identity<V>,
        expected: Option<Seq>,
    ) -> Self {
        let phase = Phase::ReadHead;
        let children = Vec::new();
        let mut append = Append { partition, token, batch, identity, expected, children, phase };
        append.phase = append.first_phase(rules);
        append
    }

    /// Resumes the append of the batch that the producer's record names.
    ///
    /// An earlier run was given `session.record.slot` for it, and may or may not have written it.
    /// `token` and `batch` must be those of that run.
    #[must_use]
    pub fn resume(
        partition: V::Partition,
        token: V::Token,
        batch: V::Batch,
        session: Session<V>,
    ) -> Self {
        let phase = Phase::Recover { slot: session.record.slot };
        let identity = Identity::Named(session);
        let children = Vec::new();
        Append { partition, token, batch, identity, expected: None, children, phase }
    }

    fn first_phase(&self, rules: &Rules<V>) -> Phase {
        match (rules.design.increment, self.expected) {
            (Increment::CompareAndSet, None) | (Increment::Transaction, None) => Phase::ReadHead,
            (Increment::CompareAndSet | Increment::Add, Some(head)) => {
                Phase::Raise { head: Some(head) }
            }
            (Increment::Add, None) => Phase::Raise { head: None },
            (Increment::Transaction, Some(head)) => Phase::RaiseAndWrite { head },
            (Increment::None, None) => Phase::ReadTail,
            (Increment::None, Some(head)) => Phase::Write { slot: head.next() },
        }
    }

    /// Returns the name of this append.
    #[must_use]
    pub fn token(&self) -> &V::Token {
        &self.token
    }

    /// Returns the partition.
    #[must_use]
    pub fn partition(&self) -> &V::Partition {
        &self.partition
    }

    /// Returns the events.
    #[must_use]
    pub fn batch(&self) -> &V::Batch {
        &self.batch
    }

    /// Returns the partitions that take the place of the append's, if it is answered with
    /// [`Answer::Sealed`].
    #[must_use]
    pub fn children(&self) -> &[V::Partition] {
        &self.children
    }

    /// Returns whether the caller expects a certain head.
    #[must_use]
    pub fn expects_head(&self) -> bool {
        self.expected.is_some()
    }

    /// Returns the producer. Once the append is answered, a named producer's session has the
    /// record that its next append must demand.
    #[must_use]
    pub fn identity(&self) -> &Identity<V> {
        &self.identity
    }

    /// Returns what the append asks for now: a pure function of its state and the rules.
    #[must_use]
    pub fn wants(&self, rules: &Rules<V>) -> Want<V> {
        let partition = self.partition.clone();
        let request = match self.phase {
            Phase::ReadHead => Request::ReadHead { partition, name: None },
            Phase::ReadTail => Request::ReadTail { partition },
            Phase::Recover { slot } => Request::ReadSlot { partition, slot },
            Phase::Raise { head } => Request::Raise(self.raise(head)),
            Phase::RaiseAndWrite { head } => Request::RaiseAndWrite {
                raise: self.raise(Some(head)),
                write: self.write(rules, head.next()),
            },
            Phase::Write { slot } => Request::Write(self.write(rules, slot)),
            Phase::Notify { .. } => return Want::Trigger,
            Phase::Answered(_) => return Want::Nothing,
        };
        Want::Store(request)
    }

    fn raise(&self, head: Option<Seq>) -> Raise<V> {
        let (token, record) = match &self.identity {
            Identity::Anonymous => (self.expected.map(|_| self.token.clone()), None),
            Identity::Named(session) => (None, Some(self.keep(session))),
        };
        Raise { partition: self.partition.clone(), head, token, record }
    }

    fn keep(&self, session: &Session<V>) -> Keep<V> {
        Keep {
            name: session.name.clone(),
            seen: session.record,
            number: session.number,
            count: self.batch.events(),
        }
    }

    fn write(&self, rules: &Rules<V>, slot: Seq) -> Write<V> {
        Write {
            partition: self.partition.clone(),
            slot,
            token: self.token.clone(),
            batch: self.batch.clone(),
            if_absent: match rules.design.slot_write {
                SlotWrite::Blind => false,
                // S1: a reader may have voided the slot, and a copy of this write may arrive late.
                SlotWrite::IfAbsent => true,
            },
        }
    }

    /// Tells the append what the store answered to the request that it wants. A reply that does
    /// not fit its phase changes nothing.
    pub fn tell(&mut self, rules: &Rules<V>, reply: Reply<V>) {
        self.phase = match (self.phase, reply) {
            (Phase::ReadHead, Reply::Head(head)) => match rules.design.increment {
                Increment::Transaction => Phase::RaiseAndWrite { head: head.head },
                Increment::CompareAndSet | Increment::Add | Increment::None => {
                    Phase::Raise { head: Some(head.head) }
                }
            },
            (Phase::ReadTail, Reply::Tail(tail)) => Phase::Write { slot: tail.next() },
            (Phase::Recover { slot }, Reply::Slot(content)) => match content {
                Slot::Empty => Phase::Write { slot },
                Slot::Void | Slot::Events { .. } => self.after_taken_slot(rules, slot, &content),
            },
            (Phase::Raise { .. }, Reply::Raised(slot)) => {
                self.record_slot(slot);
                Phase::Write { slot }
            }
            (Phase::Raise { .. }, Reply::NotRaised(old)) => match self.refusal(&old) {
                Refusal::Own(slot) => {
                    self.record_slot(slot);
                    Phase::Write { slot }
                }
                Refusal::Race => Phase::Raise { head: Some(old.head) },
                Refusal::Sealed => self.leave(old.children),
                Refusal::Final(answer) => Phase::Answered(answer),
            },
            (Phase::RaiseAndWrite { .. }, Reply::Appended(slot)) => {
                self.record_slot(slot);
                self.after_write(rules, slot)
            }
            (Phase::RaiseAndWrite { head }, Reply::NotAppended { head: old, slot }) => {
                self.after_failed_transaction(rules, head, old, slot)
            }
            (Phase::Write { slot }, Reply::Written) => self.after_write(rules, slot),
            (Phase::Write { slot }, Reply::Taken(content)) => {
                self.after_taken_slot(rules, slot, &content)
            }
            (phase, _) => phase,
        };
    }

    /// Tells the append that the trigger was sent, or attempted where the design attempts it
    /// only once. Outside of that phase it changes nothing.
    pub fn notified(&mut self) {
        if let Phase::Notify { slot } = self.phase {
            self.phase = Phase::Answered(Answer::Appended(slot));
        }
    }

    /// Returns the slot of the trigger that is wanted.
    #[must_use]
    pub fn triggered_slot(&self) -> Option<Seq> {
        match self.phase {
            Phase::Notify { slot } => Some(slot),
            Phase::ReadHead
            | Phase::ReadTail
            | Phase::Recover { .. }
            | Phase::Raise { .. }
            | Phase::RaiseAndWrite { .. }
            | Phase::Write { .. }
            | Phase::Answered(_) => None,
        }
    }

    /// Returns the outcome, once it is known.
    ///
    /// Where the trigger is best effort, the answer is there before the trigger is sent; where
    /// it is durable, only afterwards.
    #[must_use]
    pub fn answer(&self, rules: &Rules<V>) -> Option<Answer> {
        match self.phase {
            Phase::Answered(answer) => Some(answer),
            Phase::Notify { slot } => match rules.design.trigger {
                Trigger::BestEffort | Trigger::Sweep => Some(Answer::Appended(slot)),
                Trigger::Queue | Trigger::Stream => None,
            },
            Phase::ReadHead
            | Phase::ReadTail
            | Phase::Recover { .. }
            | Phase::Raise { .. }
            | Phase::RaiseAndWrite { .. }
            | Phase::Write { .. } => None,
        }
    }

    /// The phase that follows the write of `slot`.
    fn after_write(&self, rules: &Rules<V>, slot: Seq) -> Phase {
        match rules.design.trigger {
            Trigger::Stream => Phase::Answered(Answer::Appended(slot)),
            Trigger::BestEffort | Trigger::Queue | Trigger::Sweep => Phase::Notify { slot },
        }
    }

    /// The phase that follows when the slot to be written is taken, by this append or by
    /// something else.
    fn after_taken_slot(&mut self, rules: &Rules<V>, slot: Seq, content: &Slot<V>) -> Phase {
        let own = match content {
            Slot::Events { token, .. } => *token == self.token,
            Slot::Empty | Slot::Void => false,
        };
        let recognised = match rules.design.own_token {
            OwnToken::Recognise => own,
            OwnToken::Ignore => false,
        };
        // S2: the write was applied and its reply lost; a second slot would hold the batch again.
        if recognised {
            return self.after_write(rules, slot);
        }
        match (rules.design.increment, self.expected, content) {
            // Without a counter only the slot after the expected position meets the expectation.
            (Increment::None, Some(_), _) => Phase::Answered(Answer::Conflict { head: slot }),
            (Increment::None, None, _) => Phase::Write { slot: slot.next() },
            // S4: the append held the number after the expected head, and yet others' events are in
            // its slot. A counter that was restored from an older copy gives out numbers twice.
            (_, Some(_), Slot::Events { .. }) => Phase::Answered(Answer::Conflict { head: slot }),
            // The append held the number after the expected head, and a reader voided that slot.
            // No event is in between, so the append now expects the voided slot.
            (_, Some(_), Slot::Empty | Slot::Void) => {
                self.expected = Some(slot);
                self.first_phase(rules)
            }
            (_, None, _) => self.first_phase(rules),
        }
    }

    /// The phase that follows when the transaction of a raise and a write was refused.
    fn after_failed_transaction(
        &mut self,
        rules: &Rules<V>,
        head: Seq,
        old: Option<Head<V>>,
        slot: Option<Slot<V>>,
    ) -> Phase {
        if let (Some(Slot::Events { token, .. }), OwnToken::Recognise) =
            (&slot, rules.design.own_token)
            && *token == self.token
        {
            self.record_slot(head.next());
            return self.after_write(rules, head.next());
        }
        let Some(old) = old else {
            // The head met its condition and the slot was taken: the counter is behind the slots, as
            // after it was restored.
            let taken = slot.unwrap_or(Slot::Void);
            return match self.after_taken_slot(rules, head.next(), &taken) {
                // Nothing was raised, so the same would be refused for ever. A raise alone passes the
                // slot.
                Phase::ReadHead => Phase::Raise { head: Some(head) },
                next => next,
            };
        };
        match self.refusal(&old) {
            // The raise and the write are one, so the append's record proves that its batch is in.
            Refusal::Own(slot) => {
                self.record_slot(slot);
                self.after_write(rules, slot)
            }
            Refusal::Race => Phase::RaiseAndWrite { head: old.head },
            Refusal::Sealed => self.leave(old.children),
            Refusal::Final(answer) => Phase::Answered(answer),
        }
    }

    /// The phase of an append whose partition was sealed before it had a slot.
    fn leave(&mut self, children: Vec<V::Partition>) -> Phase {
        self.children = children;
        Phase::Answered(Answer::Sealed)
    }

    /// The reason why a raise was refused by the item `old`.
    fn refusal(&self, old: &Head<V>) -> Refusal {
        match &self.identity {
            Identity::Anonymous => match self.expected {
                // S2: a number that was given out before the seal may still be written.
                Some(expected) if self.is_own_raise(expected.next(), old) => {
                    Refusal::Own(expected.next())
                }
                // S3: what comes now is behind the seal, in a child.
                _ if old.is_sealed() => Refusal::Sealed,
                Some(_) => Refusal::Final(Answer::Conflict { head: old.head }),
                None => Refusal::Race,
            },
            Identity::Named(session) => match old.record {
                Some(record) if record == session.record && old.is_sealed() => Refusal::Sealed,
                Some(record) if record == session.record => match self.expected {
                    Some(_) => Refusal::Final(Answer::Conflict { head: old.head }),
                    None => Refusal::Race,
                },
                // S2: only this run writes records of its epoch, so another record of that epoch
                // is this raise's own effect. It has its number and takes no second one.
                Some(record) if record.epoch == session.record.epoch => Refusal::Own(record.slot),
                Some(_) | None => Refusal::Final(Answer::Fenced),
            },
        }
    }

    /// Whether the item's last conditional raise was this append's, and gave out `slot`.
    fn is_own_raise(&self, slot: Seq, old: &Head<V>) -> bool {
        old.raiser.as_ref().is_some_and(|by| by.token == self.token && by.slot == slot)
    }

    /// Notes in a named producer's session that the batch was given `slot`.
    fn record_slot(&mut self, slot: Seq) {
        let count = self.batch.events();
        if let Identity::Named(session) = &mut self.identity {
            let epoch = session.record.epoch;
            session.record = Record { epoch, number: session.number, count, slot };
        }
    }
}

/// What the checker renames, to tell which appends have the same future.
#[cfg(feature = "check")]
impl<V: Vocabulary> Append<V> {
    /// Returns the append's token and, if its producer has one, the producer's name.
    pub(crate) fn names_mut(&mut self) -> (&mut V::Token, Option<&mut V::Name>) {
        let name = match &mut self.identity {
            Identity::Anonymous => None,
            Identity::Named(session) => Some(&mut session.name),
        };
        (&mut self.token, name)
    }
}

/// Why a raise was refused.
enum Refusal {
    /// The raise had been applied before, and gave out this number.
    Own(Seq),
    /// Another producer raised the head first: try again.
    Race,
    /// The partition takes no more events.
    Sealed,
    /// Trying again cannot succeed: this is the answer.
    Final(Answer),
}
