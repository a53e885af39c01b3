//! The words of the decision log. Replaying compares them, so what differs must read differently.

use std::collections::BTreeSet;

use gapless_model::check::{GroupNo, PartitionNo, Small, Tick};
use gapless_model::store::{Extend, Guard, Request, request_words};
use gapless_model::{Epoch, Seq};

const GROUP: GroupNo = GroupNo(0);
const PARTITION: PartitionNo = PartitionNo(0);

fn checkpoint(fence: Option<Epoch>, forward: bool) -> Request<Small> {
    let extend = Extend { until: Tick(9), beat: false };
    Request::Checkpoint { group: GROUP, partition: PARTITION, to: Seq(1), fence, forward, extend }
}

fn release(to: Option<Seq>, fence: Option<Epoch>, guard: Guard) -> Request<Small> {
    Request::Release { group: GROUP, partition: PARTITION, to, fence, guard }
}

fn read(consistent: bool) -> Request<Small> {
    Request::ReadEvents { partition: PARTITION, after: Seq(1), consistent }
}

#[test]
fn requests_with_other_conditions_have_other_words() {
    let (fence, to) = (Some(Epoch(1)), Some(Seq(1)));
    let requests = [
        checkpoint(None, false),
        checkpoint(None, true),
        checkpoint(fence, false),
        checkpoint(fence, true),
        release(None, None, Guard::None),
        release(None, fence, Guard::None),
        release(to, fence, Guard::None),
        release(to, fence, Guard::Empty(Seq(2))),
        read(false),
        read(true),
    ];
    let words: BTreeSet<_> = requests.iter().map(request_words).collect();
    assert_eq!(words.len(), requests.len(), "{words:#?}");
}
