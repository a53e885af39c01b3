//! The producers of the checked world: their input, their batches, their runs.

use super::protocol::Protocol;
use super::small::{Count, ProducerNo, Small, Token};
use super::world::{PARTITION, Producer, Work, World};
use crate::append::{Append, Claim, Identity, Session};
use crate::design::Increment;
use crate::ids::{Number, Seq};
use crate::store::{Record, Tables};

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// What a run of a producer does first.
    pub(super) fn first_work(&self, producer: ProducerNo, run: u8, answered: u8) -> Work {
        if self.named() {
            Work::Claim(Claim::new(PARTITION, producer))
        } else {
            self.between(producer, run, answered, None)
        }
    }

    /// What a producer does next. Where it has no choice, it begins its next append at once, which
    /// no other process can tell before the append sends a request.
    pub(super) fn between(
        &self,
        producer: ProducerNo,
        run: u8,
        answered: u8,
        record: Option<Record>,
    ) -> Work {
        if answered >= self.bounds.events {
            Work::Finished
        } else if self.bounds.batch > 1 || self.bounds.expected > 0 {
            Work::Between(record)
        } else {
            Work::Append(self.append(producer, run, answered, record, 1, None))
        }
    }

    /// Begins the next append with a batch of `count` events. Where the bounds say so, it expects
    /// the present head.
    pub(super) fn begin(
        &self,
        world: &World<P, W, G, S, L>,
        producer: ProducerNo,
        count: u8,
    ) -> Work {
        let Producer { work, run, answered, .. } = &world.producers[producer.index()];
        let record = match work {
            Work::Between(record) => *record,
            Work::Claim(_) | Work::Append(_) | Work::Finished | Work::Dead => None,
        };
        let expected = (self.bounds.expected > 0).then(|| match self.design().increment {
            Increment::None => world.tables.tail(&PARTITION),
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
                world.tables.head(&PARTITION)
            }
        });
        Work::Append(self.append(producer, *run, *answered, record, count, expected))
    }

    fn append(
        &self,
        producer: ProducerNo,
        run: u8,
        answered: u8,
        record: Option<Record>,
        count: u8,
        expected: Option<Seq>,
    ) -> Append<Small> {
        let number = answered + count;
        let identity = match record {
            Some(record) => {
                let number = Number(number.into());
                Identity::Named(Session { name: producer, record, number })
            }
            None => Identity::Anonymous,
        };
        let token = self.token(producer, run, number);
        Append::new(&self.rules, PARTITION, token, Count(count), identity, expected)
    }

    /// The name of a producer's append that ends with event `number`.
    pub(super) fn token(&self, producer: ProducerNo, run: u8, number: u8) -> Token {
        let run = if self.named() { 0 } else { run };
        Token { producer, run, number }
    }
}
