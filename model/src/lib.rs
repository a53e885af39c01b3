//! The protocols of gapless as pure state machines: appending, claiming a producer's name, and
//! consuming under a lease.
//!
//! Nothing outside the module `check` reads a clock, draws a random number, awaits a future or
//! depends on the AWS SDK. The same machines are model-checked (feature `check`), simulated as
//! whole clusters, and shipped in the crate `gapless`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`design`] | the axes of the design space, the named designs, design files |
//! | [`store`] | the typed requests and replies, and [`apply`](store::apply), which specifies them |
//! | [`append`] | the machines of a producer: [`Append`](append::Append) and [`Claim`](append::Claim) |
//! | [`consume`] | the machine of a worker's turn: [`Consume`](consume::Consume) |
//! | [`history`] | whether some order of the calls of several processes explains their answers |
//! | [`log`] | the format that counterexamples, simulated runs and production traces share |
//! | [`scale`] | from measured rates to splits and merges: [`decide`](scale::decide) |
//!
//! # The contract of a machine
//!
//! A machine is a plain value. `wants` is a pure function of its state and says what to do next:
//! send a request, make a delivery, send a trigger, wake up at a certain time. `tell` changes the
//! state. Its driver obeys four rules:
//!
//! 1. The driver sends the request that the machine wants, and tells it the reply.
//! 2. A machine is never told about an unknown outcome. It keeps wanting the same request, and it
//!    understands every reply as if the request might have been applied before. A lost reply, a
//!    timeout and a hidden retry of the SDK are therefore one case. The exception changes nothing in
//!    the store: a turn is told that its look for more failed
//!    ([`can_do_without`](consume::Consume::can_do_without)).
//! 3. At most one request per lease is in flight. Until its reply arrives, the machine is told
//!    nothing else.
//! 4. A turn ([`consume::Consume`]) takes the time of the driver's clock with everything it is
//!    told, and it is told the time before the driver acts on any other want.
//!
//! Each call borrows the [`Rules`], which are the design and the lengths of time, so that they
//! take no room in a machine's state. A machine is generic over a [`Vocabulary`], the types of
//! ids, times, batches and pages.
//!
//! # A driver
//!
//! This loop drives an append against [`store::apply`], the specification of the store, and loses
//! every other reply. The increment is applied twice, so slot 1 stays empty. The write is applied
//! once: the second attempt finds the append's own token in slot 2.
//!
//! ```
//! # use gapless_model::store::{FromSlots, Slot};
//! # use gapless_model::{Batch, Page, Seen, Time, Vocabulary};
//! # use serde::{Deserialize, Serialize};
//! use gapless_model::append::{Answer, Append, Identity, Want};
//! use gapless_model::design::Design;
//! use gapless_model::store::{MemoryTables, View, apply};
//! use gapless_model::{Rules, Seq};
//! #
//! # #[derive(Clone, Debug, PartialEq, Eq, Hash)]
//! # struct Texts;
//! # impl Vocabulary for Texts {
//! #     type Partition = String;
//! #     type Group = String;
//! #     type Owner = String;
//! #     type Name = String;
//! #     type Token = String;
//! #     type Time = Millis;
//! #     type Batch = Text;
//! #     type Page = Shown;
//! # }
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
//! # struct Millis(u64);
//! # impl Time for Millis {
//! #     type Span = u64;
//! #     fn plus(self, span: u64) -> Millis {
//! #         Millis(self.0 + span)
//! #     }
//! #     fn minus(self, span: u64) -> Millis {
//! #         Millis(self.0.saturating_sub(span))
//! #     }
//! # }
//! # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! # struct Text(String);
//! # impl Batch for Text {
//! #     fn events(&self) -> u64 {
//! #         1
//! #     }
//! # }
//! # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! # struct Shown(Vec<(Seq, bool)>);
//! # impl Page for Shown {
//! #     fn seen(&self, slot: Seq) -> Seen {
//! #         match self.0.iter().find(|(seq, _)| *seq == slot) {
//! #             None => Seen::Nothing,
//! #             Some((_, false)) => Seen::Void,
//! #             Some((_, true)) => Seen::Events,
//! #         }
//! #     }
//! #     fn last(&self) -> Option<Seq> {
//! #         self.0.last().map(|(seq, _)| *seq)
//! #     }
//! #     fn is_full(&self) -> bool {
//! #         false
//! #     }
//! # }
//! # impl FromSlots<Texts> for Shown {
//! #     fn from_slots(_: Seq, slots: impl Iterator<Item = (Seq, Slot<Texts>)>) -> Shown {
//! #         Shown(slots.map(|(seq, slot)| (seq, slot != Slot::Void)).collect())
//! #     }
//! # }
//! # let rules = Rules::<Texts> {
//! #     design: Design::RECOMMENDED, lease: 10_000, renew: 3_333, grace: 1_000, skew: 500,
//! # };
//! # let (partition, token) = ("p".to_owned(), "append 1".to_owned());
//! # let batch = Text("hello".to_owned());
//!
//! let mut tables = MemoryTables::default();
//! let mut append = Append::new(&rules, partition, token, batch, Identity::Anonymous, None);
//! let mut arrives = false;
//! let answer = loop {
//!     if let Some(answer) = append.answer(&rules) {
//!         break answer;
//!     }
//!     match append.wants(&rules) {
//!         Want::Store(request) => {
//!             let reply = apply(&mut tables, &request, View::Latest);
//!             if arrives {
//!                 append.tell(&rules, reply);
//!             }
//!             arrives = !arrives;
//!         }
//!         Want::Trigger => append.notified(),
//!         Want::Nothing => unreachable!("an append that wants nothing has its answer"),
//!     }
//! };
//! assert_eq!(answer, Answer::Appended(Seq(2)));
//! ```

pub mod append;
#[cfg(feature = "check")]
pub mod check;
pub mod consume;
pub mod design;
pub mod explanation;
pub mod history;
mod ids;
mod invariant;
pub mod lineage;
pub mod log;
mod mutant;
mod rules;
pub mod scale;
pub mod store;
mod vocabulary;

pub use ids::{Epoch, HASH_BITS, NoPartition, Number, PartitionId, Seq};
pub use invariant::Invariant;
pub use mutant::{Mutant, Reach};
pub use rules::Rules;
pub use vocabulary::{Batch, Id, Page, Seen, SpanOf, Time, Vocabulary};
