//! One append, from taking a number to its answer.

use crate::design::{Increment, OwnToken, SlotWrite, Trigger};
use crate::ids::{Number, Seq};
use crate::rules::Rules;
use crate::store::{Head, Keep, Raise, Record, Reply, Request, Slot, Write};
use crate::vocabulary::{Batch, Vocabulary};

/// One append of one batch.
///
/// An outcome that stays unknown (a timeout, a lost reply) is not told: the
/// machine still wants the same request, and every reply it understands allows
/// for the request having been applied before. So the SDK's own retries, which
/// nobody sees, are safe for the same reason (scenario 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Append<V: Vocabulary> {
    partition: V::Partition,
    token: V::Token,
    batch: V::Batch,
    identity: Identity<V>,
    expected: Option<Seq>,
    phase: Phase,
}

/// Who appends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity<V: Vocabulary> {
    /// Somebody, for the length of one append.
    Anonymous,
    /// A producer that is known across its restarts.
    Named(Session<V>),
}

/// A named producer's standing in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session<V: Vocabulary> {
    /// Its name.
    pub name: V::Name,
    /// Its record as it last saw it.
    pub record: Record,
    /// The last event of the batch it appends now, in its own count.
    pub number: Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Look at the head before raising it.
    ReadHead,
    /// Look for the tail.
    ReadTail,
    /// Look into the slot that an earlier run was given.
    Recover { slot: Seq },
    /// Take a number.
    Raise { head: Option<Seq> },
    /// Take a number and write the slot.
    RaiseAndWrite { head: Seq },
    /// Write the slot.
    Write { slot: Seq },
    /// The event is in the log; consumers do not know yet.
    Notify { slot: Seq },
    /// Nothing more to do.
    Answered(Answer),
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The batch is in this slot, for ever.
    Appended(Seq),
    /// The head was no longer where the caller expected it. The batch is not in
    /// the log and never will be.
    Conflict {
        /// Where the head was found.
        head: Seq,
    },
    /// A later run of the same producer has claimed the name.
    Fenced,
}

/// What an append asks of its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want<V: Vocabulary> {
    /// Send this request and tell the reply.
    Store(Request<V>),
    /// Tell the partition's consumers that there is work, then call [`Append::notified`].
    Trigger,
    /// Nothing: it is answered.
    Nothing,
}

impl<V: Vocabulary> Append<V> {
    /// Starts an append. With `expected`, the head must still be there.
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
        let mut append = Append { partition, token, batch, identity, expected, phase };
        append.phase = append.first_phase(rules);
        append
    }

    /// Goes on with the batch that this producer's record names: an earlier run
    /// took `session.record.slot` for it, and may or may not have written it.
    #[must_use]
    pub fn resume(
        partition: V::Partition,
        token: V::Token,
        batch: V::Batch,
        session: Session<V>,
    ) -> Self {
        let phase = Phase::Recover { slot: session.record.slot };
        let identity = Identity::Named(session);
        Append { partition, token, batch, identity, expected: None, phase }
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

    /// Whose append this is.
    #[must_use]
    pub fn token(&self) -> &V::Token {
        &self.token
    }

    /// Whether it demands that the head is where the caller expects it.
    #[must_use]
    pub fn expects(&self) -> bool {
        self.expected.is_some()
    }

    /// The producer's standing after this append, for its next one.
    #[must_use]
    pub fn identity(&self) -> &Identity<V> {
        &self.identity
    }

    /// What it asks for now: a pure function of its state.
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
                // S1: somebody may have voided the slot, or a copy of this write may come late.
                SlotWrite::IfAbsent => true,
            },
        }
    }

    /// What the store answered.
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
                Slot::Void | Slot::Events { .. } => self.found(rules, slot, &content),
            },
            (Phase::Raise { .. }, Reply::Raised(slot)) => {
                self.keep_slot(slot);
                Phase::Write { slot }
            }
            (Phase::Raise { .. }, Reply::NotRaised(old)) => match self.lost(&old) {
                Lost::Mine(slot) => {
                    self.keep_slot(slot);
                    Phase::Write { slot }
                }
                Lost::Race => Phase::Raise { head: Some(old.head) },
                Lost::Over(answer) => Phase::Answered(answer),
            },
            (Phase::RaiseAndWrite { .. }, Reply::Appended(slot)) => {
                self.keep_slot(slot);
                self.appended(rules, slot)
            }
            (Phase::RaiseAndWrite { head }, Reply::NotAppended { head: old, slot }) => {
                self.not_appended(rules, head, old, slot)
            }
            (Phase::Write { slot }, Reply::Written) => self.appended(rules, slot),
            (Phase::Write { slot }, Reply::Taken(content)) => self.found(rules, slot, &content),
            (phase, _) => phase,
        };
    }

    /// The trigger was sent; or, where one attempt is all, it was attempted.
    pub fn notified(&mut self) {
        if let Phase::Notify { slot } = self.phase {
            self.phase = Phase::Answered(Answer::Appended(slot));
        }
    }

    /// What became of it, once known. With a best-effort trigger the answer is
    /// there before the trigger is sent; with a durable one only after.
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

    fn appended(&self, rules: &Rules<V>, slot: Seq) -> Phase {
        match rules.design.trigger {
            Trigger::Stream => Phase::Answered(Answer::Appended(slot)),
            Trigger::BestEffort | Trigger::Queue | Trigger::Sweep => Phase::Notify { slot },
        }
    }

    /// The slot it was to write is taken: by itself, or for ever by something else.
    fn found(&mut self, rules: &Rules<V>, slot: Seq, content: &Slot<V>) -> Phase {
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
            return self.appended(rules, slot);
        }
        match (rules.design.increment, self.expected) {
            // Without a counter the expected slot is the only one that will do.
            (Increment::None, Some(_)) => Phase::Answered(Answer::Conflict { head: slot }),
            (Increment::None, None) => Phase::Write { slot: slot.next() },
            // It held the number after the expected one, and a reader voided it:
            // nobody's event is in between, so the expectation moves along.
            (_, Some(_)) => {
                self.expected = Some(slot);
                self.first_phase(rules)
            }
            (_, None) => self.first_phase(rules),
        }
    }

    fn not_appended(
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
            self.keep_slot(head.next());
            return self.appended(rules, head.next());
        }
        let Some(old) = old else {
            // The head let it pass and the slot was taken: somebody wrote without the counter.
            return self.found(rules, head.next(), &slot.unwrap_or(Slot::Void));
        };
        match self.lost(&old) {
            // The increment and the write are one: its record there means that its event is.
            Lost::Mine(slot) => {
                self.keep_slot(slot);
                self.appended(rules, slot)
            }
            Lost::Race => Phase::RaiseAndWrite { head: old.head },
            Lost::Over(answer) => Phase::Answered(answer),
        }
    }

    /// Why a raise was refused.
    fn lost(&self, old: &Head<V>) -> Lost {
        match &self.identity {
            Identity::Anonymous => match self.expected {
                Some(expected) if self.raised(expected.next(), old) => Lost::Mine(expected.next()),
                Some(_) => Lost::Over(Answer::Conflict { head: old.head }),
                None => Lost::Race,
            },
            Identity::Named(session) => match old.record {
                Some(record) if record == session.record => match self.expected {
                    Some(_) => Lost::Over(Answer::Conflict { head: old.head }),
                    None => Lost::Race,
                },
                // S2: only this run writes records of its epoch, so another record of that epoch
                // is this raise's own effect. It has its number and takes no second one.
                Some(record) if record.epoch == session.record.epoch => Lost::Mine(record.slot),
                Some(_) | None => Lost::Over(Answer::Fenced),
            },
        }
    }

    fn raised(&self, slot: Seq, old: &Head<V>) -> bool {
        old.raiser.as_ref().is_some_and(|by| by.token == self.token && by.slot == slot)
    }

    fn keep_slot(&mut self, slot: Seq) {
        let count = self.batch.events();
        if let Identity::Named(session) = &mut self.identity {
            let epoch = session.record.epoch;
            session.record = Record { epoch, number: session.number, count, slot };
        }
    }
}

/// Why a raise was refused.
enum Lost {
    /// It had been applied before, and gave out this number.
    Mine(Seq),
    /// Somebody else raised the head first.
    Race,
    /// There is no point in going on.
    Over(Answer),
}
