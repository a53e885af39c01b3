//! The producers of the checked world: their input, their batches, their runs.

use super::lineage;
use super::protocol::Protocol;
use super::small::{Count, PartitionNo, ProducerNo, Small, Token};
use super::world::{Producer, Work, World};
use crate::append::{Append, Claim, Identity, Session};
use crate::design::{Increment, Splitting};
use crate::ids::{Number, Seq};
use crate::store::{Record, Tables};

impl Protocol {
    /// What a run of a producer does first.
    pub(super) fn first_work(&self, producer: ProducerNo, run: &Producer) -> Work {
        if self.named() {
            Work::Claim(Claim::new(run.route, producer.first()))
        } else {
            self.next_work(producer, run, None)
        }
    }

    /// The partition that a run of a producer tries first: from the first one on it follows what seals
    /// name. Where children are there before the seal, it takes the last that is there.
    pub(super) fn first_route(&self, world: &World, producer: ProducerNo) -> PartitionNo {
        let home = self.home_of(producer);
        match self.design().split {
            Splitting::SealThenCreate | Splitting::Intent => home,
            Splitting::CreateThenSeal => {
                let is_there =
                    |partition: &PartitionNo| lineage::is_there(self.design(), world, *partition);
                self.path_of(producer).into_iter().rfind(is_there).unwrap_or(home)
            }
        }
    }

    /// The number of events in a run's input.
    pub(super) fn input(&self, run: &Producer) -> u8 {
        self.bounds.events + u8::from(run.longer)
    }

    /// Whether a run's input may still turn out longer: the run has just begun.
    pub(super) fn may_lengthen(&self, producer: ProducerNo, run: &Producer) -> bool {
        !run.longer && run.answered == 0 && run.work == self.first_work(producer, run)
    }

    /// What a producer does next.
    pub(super) fn between(
        &self,
        world: &World,
        producer: ProducerNo,
        record: Option<Record>,
    ) -> Work {
        self.next_work(producer, &world.producers[producer.index()], record)
    }

    /// Where a producer has no choice, it begins its next append at once, which no other process
    /// can tell before the append sends a request.
    fn next_work(&self, producer: ProducerNo, run: &Producer, record: Option<Record>) -> Work {
        if run.answered >= self.input(run) {
            Work::Finished
        } else if self.bounds.batch > 1 || self.bounds.expected > 0 {
            Work::Between(record)
        } else {
            Work::Append(self.append(producer, run, record, 1, None))
        }
    }

    /// Begins the next append with a batch of `count` events. Where the bounds say so, it expects
    /// the present head.
    pub(super) fn begin(&self, world: &mut World, producer: ProducerNo, count: u8) {
        let partition = world.producers[producer.index()].route;
        let expected = (self.bounds.expected > 0).then(|| match self.design().increment {
            Increment::None => world.tail(&partition),
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
                world.head(&partition)
            }
        });
        let run = &world.producers[producer.index()];
        let record = match &run.work {
            Work::Between(record) => *record,
            Work::Claim(_)
            | Work::Append(_)
            | Work::Finished
            | Work::Fenced
            | Work::Dead
            | Work::Asleep => None,
        };
        let append = self.append(producer, run, record, count, expected);
        let run = &mut world.producers[producer.index()];
        run.expected = expected.map(|slot| slot.0 as u8);
        run.work = Work::Append(append);
    }

    fn append(
        &self,
        producer: ProducerNo,
        run: &Producer,
        record: Option<Record>,
        count: u8,
        expected: Option<Seq>,
    ) -> Append<Small> {
        let number = run.answered + count;
        let identity = match record {
            Some(record) => {
                let (name, number) = (producer.first(), Number(number.into()));
                Identity::Named(Session { name, record, number })
            }
            None => Identity::Anonymous,
        };
        let token = self.token(producer, run.run, number);
        let partition = run.route;
        Append::new(&self.rules, partition, token, Count(count), identity, expected)
    }

    /// The name of a producer's append that ends with event `number`.
    pub(super) fn token(&self, producer: ProducerNo, run: u8, number: u8) -> Token {
        let run = if self.named() { 0 } else { run };
        Token { producer: producer.first(), run, number }
    }
}
