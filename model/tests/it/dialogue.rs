//! A turn in dialogue with a test: what it is told, and what it asks for then.

use gapless_model::check::{
    Count, GroupNo, Owner, PartitionNo, ProducerNo, Small, Tick, Token, Window, WorkerNo,
};
use gapless_model::consume::{Consume, News, Outcome};
use gapless_model::design::Design;
use gapless_model::store::{FromSlots, Lease, Reply, Request, Slot};
use gapless_model::{Epoch, Rules, Seq};

const PARTITION: PartitionNo = PartitionNo(0);
pub const ME: Owner = Owner { worker: WorkerNo(0), turn: 0 };
pub const OTHER: Owner = Owner { worker: WorkerNo(1), turn: 0 };
const TOKEN: Token = Token { producer: ProducerNo(0), run: 0, number: 1 };

/// A lease lasts 3 ticks, a renewal is due after 1, and a gap is voided after 2.
pub fn rules(design: Design) -> Rules<Small> {
    Rules { design, lease: 3, renew: 1, grace: 2, skew: 0 }
}

/// A turn and its rules: what is told is told at a tick.
pub struct Dialogue {
    pub rules: Rules<Small>,
    pub turn: Consume<Small>,
}

impl Dialogue {
    pub fn of(design: Design) -> Dialogue {
        let rules = rules(design);
        let turn = Consume::new(&rules, GroupNo(0), PARTITION, ME, Tick(0));
        Dialogue { rules, turn }
    }

    /// A turn that holds the lease since tick 0, with the checkpoint at 4.
    pub fn holding(design: Design) -> Dialogue {
        Dialogue::of(design).replies(0, Reply::Leased(lease()))
    }

    /// A turn whose handler is at work on slot 5.
    pub fn delivering(design: Design) -> Dialogue {
        Dialogue::holding(design).replies(0, page(&[5]))
    }

    /// A turn that has finished slot 5, the last one of its page.
    pub fn finished(design: Design) -> Dialogue {
        Dialogue::delivering(design).hears(0, News::Handled)
    }

    /// A turn that moves the checkpoint to 5, as slot 6 is behind it.
    pub fn checkpointing() -> Dialogue {
        Dialogue::finished(Design::RECOMMENDED).replies(0, page(&[6]))
    }

    /// A turn that is about to release the lease, because nothing is left.
    pub fn releasing(design: Design) -> Dialogue {
        Dialogue::holding(design).replies(0, page(&[]))
    }

    pub fn hears(mut self, tick: i16, news: News<Small>) -> Dialogue {
        self.turn.tell(&self.rules, Tick(tick), news);
        self
    }

    pub fn replies(self, tick: i16, reply: Reply<Small>) -> Dialogue {
        self.hears(tick, News::Reply(reply))
    }

    #[track_caller]
    pub fn asks(&self) -> Request<Small> {
        self.turn.wants(&self.rules).store.expect("it should ask the store for something")
    }

    pub fn ended(&self) -> Option<Outcome> {
        self.turn.wants(&self.rules).done
    }

    pub fn wakes_at(&self) -> Option<Tick> {
        self.turn.wants(&self.rules).wake
    }

    #[track_caller]
    pub fn reads_after(&self, slot: u64) {
        match self.asks() {
            Request::ReadEvents { after, .. } => assert_eq!(after, Seq(slot)),
            other => panic!("it should read on, not {other:?}"),
        }
    }
}

/// The lease of epoch 7, taken at tick 0.
pub fn lease() -> Lease<Small> {
    Lease {
        checkpoint: Seq(4),
        active: true,
        owner: ME,
        epoch: Epoch(7),
        until: Tick(3),
        beat: 0,
        wake: 0,
        begun: true,
    }
}

pub fn page(slots: &[u64]) -> Reply<Small> {
    let events = Slot::Events { token: TOKEN, batch: Count(1) };
    let shown = slots.iter().map(|&slot| (Seq(slot), events.clone()));
    Reply::Page(Window::from_slots(Seq(4), shown))
}

pub fn refused(lease: Lease<Small>) -> Reply<Small> {
    Reply::Refused { lease: Some(lease), taken: false }
}
