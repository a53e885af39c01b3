//! Generators of random dialogues. They draw from so few ids, tokens and numbers that
//! requests meet in the same items.

use gapless::{Event, EventBatch, Group, Live, Owner, ProducerName, Timestamp, Token};
use gapless_model::store::{Entry, Extend, Free, Guard, Keep, Raise, Record, Request, Write};
use gapless_model::{Epoch, Number, PartitionId, Seq};
use proptest::prelude::*;

/// One step of a dialogue.
#[derive(Clone, Debug)]
pub enum DialogueStep {
    /// A request whose reply is compared.
    Send(Request<Live>),
    /// A request that is lost on its way: it must fail with an error that may be retried.
    Lose(Request<Live>),
    /// The read of a sweep: the heads of both partitions.
    ReadHeads,
}

/// Generates any request.
pub fn request() -> impl Strategy<Value = Request<Live>> {
    prop_oneof![of_partitions(), of_events(), of_consumers()]
}

/// Generates a dialogue.
pub(super) fn dialogue() -> impl Strategy<Value = Vec<DialogueStep>> {
    let step = prop_oneof![
        20 => request().prop_map(DialogueStep::Send),
        1 => request().prop_map(DialogueStep::Lose),
        1 => Just(DialogueStep::ReadHeads),
    ];
    prop::collection::vec(step, 1..40)
}

/// The partitions that dialogues are about.
pub(super) fn partitions() -> [PartitionId; 2] {
    [0, 1].map(|half: u64| PartitionId::covering(half << 63, 1))
}

fn partition() -> impl Strategy<Value = PartitionId> {
    prop::sample::select(partitions().to_vec())
}

/// A partition that takes the place of others. Two that split or merge the same partition mean now the
/// same, and now another.
fn child() -> impl Strategy<Value = PartitionId> {
    let id = |id: &str| id.parse().expect("an id");
    prop::sample::select(["p00", "p01", "p~"].map(id).to_vec())
}

fn children() -> impl Strategy<Value = Vec<PartitionId>> {
    prop::collection::vec(child(), 1..3)
}

/// One or both of the partitions, each once, as DynamoDB takes a transaction.
fn parents() -> impl Strategy<Value = Vec<PartitionId>> {
    prop::sample::subsequence(partitions().to_vec(), 1..=2).prop_shuffle()
}

fn group() -> impl Strategy<Value = Group> {
    prop_oneof![Just(Group::from("a")), Just(Group::from("b"))]
}

fn name() -> impl Strategy<Value = ProducerName> {
    prop_oneof![Just(ProducerName::from("p")), Just(ProducerName::from("q.r-1"))]
}

fn owner() -> impl Strategy<Value = Owner> {
    (0..2_u8, 1..3_u8).prop_map(|(worker, turn)| Owner::from(format!("worker#{worker}/{turn}")))
}

fn token() -> impl Strategy<Value = Token> {
    (0..3_u8).prop_map(|token| Token::from(format!("t{token}")))
}

fn seq() -> impl Strategy<Value = Seq> {
    (0..5_u64).prop_map(Seq)
}

fn slot() -> impl Strategy<Value = Seq> {
    (1..6_u64).prop_map(Seq)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    (1..4_u64).prop_map(Epoch)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..6_u64).prop_map(|step| Timestamp::from_millis(1_800_000_000_000 + step))
}

fn batch() -> impl Strategy<Value = EventBatch> {
    // Text, bytes that are not text, and nothing.
    let data = prop_oneof![
        Just(Vec::new()),
        Just("{\"caf\u{e9}\": 1}".as_bytes().to_vec()),
        Just(vec![0, 159, 146, 150]),
    ];
    let event = ("[a-z]{0,3}", data).prop_map(|(key, data)| Event::new(key, data));
    prop::collection::vec(event, 1..3)
        .prop_map(|events| EventBatch::new(events).expect("there is an event"))
}

fn record() -> impl Strategy<Value = Record> {
    // Mostly a record that a claim leaves behind, or hardly any raise would succeed.
    prop_oneof![
        3 => (1..3_u64).prop_map(|epoch| Record::claimed(Epoch(epoch))),
        1 => any_record(),
    ]
}

fn any_record() -> impl Strategy<Value = Record> {
    (1..4_u64, 0..3_u64, 0..3_u64, 0..4_u64).prop_map(|(epoch, number, count, slot)| Record {
        epoch: Epoch(epoch),
        number: Number(number),
        count,
        slot: Seq(slot),
    })
}

fn raise(head: BoxedStrategy<Option<Seq>>) -> impl Strategy<Value = Raise<Live>> {
    let keep = (name(), record(), 1..4_u64, 1..3_u64)
        .prop_map(|(name, seen, number, count)| Keep { name, seen, number: Number(number), count });
    (partition(), head, prop::option::of(token()), prop::option::of(keep))
        .prop_map(|(partition, head, token, record)| Raise { partition, head, token, record })
}

fn write() -> impl Strategy<Value = Write<Live>> {
    (partition(), slot(), token(), batch(), any::<bool>()).prop_map(
        |(partition, slot, token, batch, if_absent)| Write {
            partition,
            slot,
            token,
            batch,
            if_absent,
        },
    )
}

fn extend() -> impl Strategy<Value = Extend<Live>> {
    (time(), any::<bool>()).prop_map(|(until, beat)| Extend { until, beat })
}

fn free() -> impl Strategy<Value = Free<Live>> {
    prop_oneof![
        Just(Free::Inactive),
        time().prop_map(Free::EndedBy),
        (epoch(), 0..3_u64).prop_map(|(epoch, beat)| Free::Unchanged { epoch, beat }),
    ]
}

fn guard() -> impl Strategy<Value = Guard> {
    prop_oneof![
        Just(Guard::None),
        slot().prop_map(Guard::Empty),
        (0..3_u64).prop_map(Guard::Unwoken),
    ]
}

fn of_partitions() -> BoxedStrategy<Request<Live>> {
    let some = seq().prop_map(Some).boxed();
    prop_oneof![
        // Seldom sealed, so that most dialogues raise before and after.
        12 => (partition(), prop::option::of(name()))
            .prop_map(|(partition, name)| Request::ReadHead { partition, name }),
        12 => raise(prop::option::of(seq()).boxed()).prop_map(Request::Raise),
        1 => partition().prop_map(|partition| Request::Create { partition }),
        1 => (partition(), children())
            .prop_map(|(partition, children)| Request::Seal { partition, children }),
        1 => (parents(), child())
            .prop_map(|(parents, child)| Request::Merge { parents, child }),
        12 => (partition(), name(), prop::option::of(record()))
            .prop_map(|(partition, name, seen)| Request::Claim { partition, name, seen }),
        12 => (raise(some), write()).prop_map(|(raise, write)| Request::RaiseAndWrite { raise, write }),
    ]
    .boxed()
}

fn of_events() -> BoxedStrategy<Request<Live>> {
    prop_oneof![
        partition().prop_map(|partition| Request::ReadTail { partition }),
        (partition(), slot()).prop_map(|(partition, slot)| Request::ReadSlot { partition, slot }),
        write().prop_map(Request::Write),
        (partition(), slot()).prop_map(|(partition, slot)| Request::Void { partition, slot }),
        (partition(), seq(), any::<bool>()).prop_map(|(partition, after, consistent)| {
            Request::ReadEvents { partition, after, consistent }
        }),
    ]
    .boxed()
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        Just(Entry::Begun),
        Just(Entry::default()),
        epoch().prop_map(|seen| Entry::Begin { seen }),
        Just(Entry::Hold),
    ]
}

fn of_consumers() -> BoxedStrategy<Request<Live>> {
    let fence = || prop::option::of(epoch());
    prop_oneof![
        (group(), partition())
            .prop_map(|(group, partition)| Request::ReadLease { group, partition }),
        (group(), partition(), owner(), epoch(), time()).prop_map(
            |(group, partition, owner, epoch, until)| Request::SetLease {
                group,
                partition,
                owner,
                epoch,
                until
            }
        ),
        (group(), partition(), owner(), time(), free(), entry()).prop_map(
            |(group, partition, owner, until, free, entry)| Request::Acquire {
                group,
                partition,
                owner,
                until,
                free,
                entry
            }
        ),
        (group(), partition(), fence(), extend()).prop_map(|(group, partition, fence, extend)| {
            Request::Renew { group, partition, fence, extend }
        }),
        (group(), partition(), seq(), fence(), any::<bool>(), extend()).prop_map(
            |(group, partition, to, fence, forward, extend)| Request::Checkpoint {
                group,
                partition,
                to,
                fence,
                forward,
                extend
            }
        ),
        (group(), partition(), prop::option::of(seq()), fence(), guard()).prop_map(
            |(group, partition, to, fence, guard)| Request::Release {
                group,
                partition,
                to,
                fence,
                guard
            }
        ),
        (group(), partition()).prop_map(|(group, partition)| Request::Wake { group, partition }),
    ]
    .boxed()
}
