//! Reading on, delivering, and moving the checkpoint.

use super::state::{Consume, Phase, Why};
use super::turn::Outcome;
use crate::design::{Gap, Read};
use crate::ids::Seq;
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::{Page, Seen, Time, Vocabulary};

/// What a page says about the slots after the cursor.
pub(super) enum Next {
    /// Everything up to here may be passed; whether an event is among it.
    Run { upto: Seq, events: bool },
    /// The next slot is empty, and something is behind it.
    Gap,
    /// Nothing more is to be seen.
    Tail,
}

impl<V: Vocabulary> Consume<V> {
    pub(super) fn read_on(
        &mut self,
        rules: &Rules<V>,
        now: V::Time,
        page: V::Page,
        consistent: bool,
    ) {
        if self.stopping {
            self.hand_over(rules);
            return;
        }
        self.phase = match self.next(rules, &page) {
            Next::Run { upto, events: true } => {
                Phase::Deliver { upto, page, handled: false, renewing: false }
            }
            Next::Run { upto, events: false } => Phase::Checkpoint { upto },
            Next::Gap => Phase::Gap { since: now, renewing: false },
            Next::Tail => match rules.design.read {
                // P1: a stale read may hide what is behind a gap, and then no condition on the
                // next slot alone would tell.
                Read::EventualConfirmed if !consistent => Phase::Read { consistent: true },
                Read::Consistent | Read::Eventual | Read::EventualConfirmed => {
                    Phase::Release { why: Why::CaughtUp }
                }
            },
        };
    }

    /// How far the page lets a reader go: the rule for stepping past an unwritten number (D3, scenario 1).
    pub(super) fn next(&self, rules: &Rules<V>, page: &V::Page) -> Next {
        let Some(last) = page.last() else { return Next::Tail };
        let (mut upto, mut events) = (self.cursor, false);
        while upto < last {
            match (page.seen(upto.next()), rules.design.gap) {
                // D1: only events are a reason to deliver; a void is passed.
                (Seen::Events, _) => events = true,
                (Seen::Void, _) | (Seen::Nothing, Gap::Skip) => {}
                // D3: its writer may still write it, behind the checkpoint.
                (Seen::Nothing, Gap::Wait | Gap::Void) => break,
            }
            upto = upto.next();
        }
        if upto > self.cursor {
            Next::Run { upto, events }
        } else {
            // A page shows slots after the cursor alone, so something is behind it.
            Next::Gap
        }
    }

    pub(super) fn handled(&mut self) {
        match &mut self.phase {
            Phase::Deliver { handled, renewing: true, .. } => *handled = true,
            // D3: the checkpoint moves behind what the handler has finished, not before.
            Phase::Deliver { upto, renewing: false, .. } => {
                self.phase = Phase::Checkpoint { upto: *upto };
            }
            _ => {}
        }
    }

    pub(super) fn renewed(&mut self, rules: &Rules<V>, asked: V::Time, reply: Reply<V>) {
        match reply {
            Reply::Leased(_) => self.leased = asked,
            Reply::Refused { .. } => {
                self.phase = Phase::Done(Outcome::Lost);
                return;
            }
            _ => return,
        }
        match &mut self.phase {
            Phase::Deliver { upto, handled: true, .. } => {
                self.phase = Phase::Checkpoint { upto: *upto };
            }
            Phase::Deliver { renewing, .. } | Phase::Gap { renewing, .. } => *renewing = false,
            _ => {}
        }
        if let (Phase::Gap { .. }, true) = (&self.phase, self.stopping) {
            self.hand_over(rules);
        }
    }

    pub(super) fn checkpointed(
        &mut self,
        rules: &Rules<V>,
        asked: V::Time,
        upto: Seq,
        reply: Reply<V>,
    ) {
        match reply {
            Reply::Leased(_) => self.leased = asked,
            // It was applied before, and the reply was lost (scenario 2). The lease
            // counts from when that one was asked.
            Reply::Refused { lease: Some(lease), .. } if self.own_checkpoint(&lease, upto) => {
                self.leased = lease.until.minus(rules.lease);
            }
            Reply::Refused { .. } => {
                self.phase = Phase::Done(Outcome::Lost);
                return;
            }
            _ => return,
        }
        // D2: it reads on behind what was delivered.
        self.cursor = upto;
        if self.stopping {
            self.hand_over(rules);
        } else {
            self.phase = first_read(rules);
        }
    }

    pub(super) fn own_checkpoint(&self, lease: &Lease<V>, upto: Seq) -> bool {
        lease.epoch == self.epoch && lease.active && lease.checkpoint >= upto
    }
}

/// The phase in which a turn reads on.
pub(super) fn first_read<V: Vocabulary>(rules: &Rules<V>) -> Phase<V> {
    Phase::Read { consistent: reads_consistently(rules) }
}

pub(super) fn reads_consistently<V: Vocabulary>(rules: &Rules<V>) -> bool {
    match rules.design.read {
        Read::Consistent => true,
        Read::Eventual | Read::EventualConfirmed => false,
    }
}
