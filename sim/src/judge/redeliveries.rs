//! Redeliveries with a cause and without one (D2).

use gapless::{Filled, Live, Machine, Owner, Position, Slots, Timestamp, Told};
use gapless_model::consume::{Consume, News};
use gapless_model::design::Design;
use gapless_model::store::{Lease, Reply};
use gapless_model::{Epoch, Rules, Seq, Time as _};

use super::chronicle::Chronicle;
use super::evidence::ObservedDelivery;
use super::judgement::Judgement;
use super::redelivery::{Track, judge_batches};
use super::sight::Sight;
use super::slots::SlotContents;
use super::turns::Turns;
use crate::plan::{Millis, Node, Plan, Profile};

/// A partition with five slots, and the turns of one group on it, one after another.
struct Scene {
    rules: Rules<Live>,
    clock: Timestamp,
    slots: SlotContents,
    chronicle: Chronicle,
    track: Track,
    turns: Turns,
    node: Node,
    owner: Owner,
    machine: Consume<Live>,
    /// The epoch in the table.
    epoch: Epoch,
}

impl Scene {
    /// Worker 1 took the lease under epoch 1, and was given all slots.
    fn new() -> Scene {
        let plan: Plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let rules = plan.config().rules().expect("it is valid");
        let clock = Timestamp::from_millis(1_000_000);
        let (node, owner) = (plan.worker(0), Owner::from("one/1"));
        let mut scene = Scene {
            machine: Scene::machine(&rules, &owner, clock),
            rules,
            clock,
            slots: SlotContents::default(),
            chronicle: Chronicle::new(&plan),
            track: Track::default(),
            turns: Turns::new(rules),
            node,
            owner,
            epoch: Epoch::ZERO,
        };
        scene.take(node, 1).expect("nothing was before");
        scene.deliver(1..6, 1).expect("it is in order");
        scene
    }

    fn machine(rules: &Rules<Live>, owner: &Owner, now: Timestamp) -> Consume<Live> {
        let partition = "p".parse().expect("an id");
        Consume::new(rules, "group-1".into(), partition, owner.clone(), now)
    }

    fn lease(&self) -> Lease<Live> {
        Lease {
            checkpoint: self.track.checkpoint,
            active: true,
            owner: self.owner.clone(),
            epoch: self.epoch,
            until: self.clock.plus(self.rules.lease),
            beat: 0,
            wake: 0,
            begun: true,
        }
    }

    /// A worker begins a turn, and takes the lease.
    fn take(&mut self, node: Node, epoch: u64) -> Judgement {
        self.begin(node, epoch)?;
        self.epoch = Epoch(epoch);
        self.track.note_taking(self.epoch);
        self.tell(News::Reply(Reply::Leased(self.lease())));
        Ok(())
    }

    /// A worker begins a turn.
    fn begin(&mut self, node: Node, number: u64) -> Judgement {
        self.node = node;
        self.owner = Owner::from(format!("{}/{number}", node.0));
        self.machine = Scene::machine(&self.rules, &self.owner, self.clock);
        let (group, partition) = (&"group-1".into(), &"p".parse().expect("an id"));
        let (owner, machine) = (&self.owner, &self.machine);
        self.turns.judge_start(node, Machine::Turn { owner, group, partition, machine })
    }

    fn tell(&mut self, news: News<Live>) {
        let (group, partition) = (&"group-1".into(), &"p".parse().expect("an id"));
        let (owner, machine) = (&self.owner, &self.machine);
        let (lease, told) = (self.lease(), Told::News(self.clock, &news));
        let whose = Machine::Turn { owner, group, partition, machine };
        self.turns.note_news(whose, told, |_| Some(lease));
        self.machine.tell(&self.rules, self.clock, news);
    }

    /// The turn waits at a gap, and its renewal is refused: the lease is said to be another's.
    fn is_refused(&mut self) {
        let gap = Slots::new(vec![(Seq(7), Filled::Void)], false);
        self.tell(News::Reply(Reply::Page(gap)));
        let lease = Lease { epoch: Epoch(9), ..self.lease() };
        self.tell(News::Reply(Reply::Refused { lease: Some(lease), taken: false }));
    }

    fn delivery(&self, slots: std::ops::Range<u64>, attempt: u32) -> ObservedDelivery {
        ObservedDelivery {
            node: self.node,
            group: "group-1".into(),
            partition: "p".parse().expect("an id"),
            epoch: self.machine.epoch(),
            upto: Seq(slots.end - 1),
            attempt,
            events: slots
                .map(|slot| (Position { slot: Seq(slot), index: 0 }, format!("e{slot}")))
                .collect(),
        }
    }

    fn deliver(&mut self, slots: std::ops::Range<u64>, attempt: u32) -> Judgement {
        let sight = Sight { at: Millis(1), slots: &self.slots, chronicle: &self.chronicle };
        let (first, delivery) = (Seq(slots.start), self.delivery(slots, attempt));
        self.track.judge_start(&delivery, first, sight, &mut self.turns)
    }

    /// Another worker takes the lease, and is given all slots again.
    fn deliver_again(&mut self) -> Judgement {
        self.take(Node(self.node.0 + 1), 2).expect("no turn of it was open");
        self.deliver(1..6, 1)
    }
}

#[track_caller]
fn assert_broken(judgement: Judgement, why: &str) {
    let (_, finding) = judgement.expect_err("it is a redelivery without a cause");
    assert!(finding.sentence.contains(why), "{}", finding.sentence);
}

#[test]
fn what_befell_the_very_turn_excuses_a_redelivery() {
    let causes: [fn(&mut Scene); 6] = [
        |scene| scene.turns.note_interruption(scene.node),
        |scene| scene.track.note_failure(&scene.delivery(1..6, 1)),
        |scene| {
            scene.clock = scene.clock.plus(scene.rules.lease);
            scene.tell(News::Time);
        },
        // It did not look at its clock any more.
        |scene| {
            let ended = scene.clock.plus(scene.rules.lease);
            scene.turns.judge_run_end(scene.node, ended, false).expect("its lease had ended");
        },
        // The store did not answer for long, by a clock that was set back.
        |scene| scene.turns.judge_run_end(scene.node, scene.clock, true).expect("it failed"),
        |scene| {
            scene.epoch = Epoch(2);
            scene.is_refused();
        },
    ];
    for befall in causes {
        let mut scene = Scene::new();
        befall(&mut scene);
        assert_eq!(scene.deliver_again(), Ok(()));
    }
}

#[test]
fn what_befell_another_turn_excuses_nothing() {
    let mut scene = Scene::new();
    scene.turns.note_interruption(Node(scene.node.0 + 1));
    scene.turns.judge_run_end(scene.node, scene.clock, false).expect("nothing was seen yet");
    assert_broken(scene.deliver_again(), "and it was left in the middle");
}

#[test]
fn a_turn_that_gives_up_or_errs_excuses_nothing() {
    let mut scene = Scene::new();
    scene.tell(News::Reply(Reply::Page(Slots::default())));
    scene.tell(News::Reply(Reply::Released));
    assert_broken(scene.deliver_again(), "and it gave up its lease");

    let mut scene = Scene::new();
    scene.is_refused();
    assert_broken(scene.deliver_again(), "took its lease for lost while it had it");

    let mut scene = Scene::new();
    scene.track.note_finish(&scene.delivery(1..6, 1));
    scene.track.note_release(scene.node, Epoch(1));
    assert_broken(scene.deliver_again(), "released under epoch 1 after slot 5 was finished");
}

#[test]
fn an_operator_may_release_a_lease_before_the_checkpoint_has_moved() {
    let mut scene = Scene::new();
    scene.track.note_finish(&scene.delivery(1..6, 1));
    scene.track.note_release(Node(scene.node.0 + 1), Epoch(1));
    scene.turns.note_interruption(scene.node);
    assert_eq!(scene.deliver_again(), Ok(()));
}

/// Its slots may be delivered again before its worker shows that it went on without it.
#[test]
fn a_turn_that_was_overtaken_is_judged_by_what_is_seen_of_it_later() {
    let mut scene = Scene::new();
    let first = scene.node;
    assert_eq!(scene.deliver_again(), Ok(()));
    assert_broken(scene.begin(first, 3), "and it was left in the middle");

    let mut scene = Scene::new();
    assert_eq!(scene.deliver_again(), Ok(()));
    let ended = scene.turns.judge_run_end(first, scene.clock, false);
    assert_broken(ended, "and it was left in the middle");

    let mut scene = Scene::new();
    let (owner, machine) = (scene.owner.clone(), scene.machine.clone());
    assert_eq!(scene.deliver_again(), Ok(()));
    // It wakes up at last.
    (scene.owner, scene.machine) = (owner, machine);
    scene.clock = scene.clock.plus(scene.rules.lease);
    scene.tell(News::Time);
    assert_eq!(scene.begin(first, 3), Ok(()));
}

#[test]
fn a_turn_that_was_overtaken_must_show_its_end_some_time() {
    let mut scene = Scene::new();
    let (owner, machine) = (scene.owner.clone(), scene.machine.clone());
    assert_eq!(scene.deliver_again(), Ok(()));
    assert!(scene.turns.is_any_suspected());
    assert_broken(scene.turns.judge_silence(), "and it was left in the middle");
    (scene.owner, scene.machine) = (owner, machine);
    scene.clock = scene.clock.plus(scene.rules.lease);
    scene.tell(News::Time);
    assert!(!scene.turns.is_any_suspected());
    assert_eq!(scene.turns.judge_silence(), Ok(()));
}

#[test]
fn under_one_epoch_only_a_failed_handler_is_given_the_same_again() {
    let mut scene = Scene::new();
    assert_broken(scene.deliver(1..6, 2), "its handler had not failed at the attempt before");
    assert_broken(scene.deliver(3..6, 1), "had been given everything up to slot 5");
    scene.track.note_failure(&scene.delivery(1..6, 1));
    assert_eq!(scene.deliver(1..6, 2), Ok(()));
    assert_broken(scene.deliver(1..6, 3), "its handler had not failed at the attempt before");
}

#[test]
fn slots_are_delivered_in_order_without_gaps_and_as_far_as_the_delivery_says() {
    let mut scene = Scene::new();
    for slot in 1..6 {
        let key = ("p".parse().expect("an id"), Seq(slot));
        scene.slots.put(key, &[&format!("e{slot}")]);
    }
    let judged = |order: &[u64], upto: u64| {
        let events =
            order.iter().map(|slot| (Position { slot: Seq(*slot), index: 0 }, format!("e{slot}")));
        let events = events.collect();
        let delivery = ObservedDelivery { events, upto: Seq(upto), ..scene.delivery(1..6, 1) };
        let sight = Sight { at: Millis(1), slots: &scene.slots, chronicle: &scene.chronicle };
        judge_batches(&delivery, sight)
    };
    assert_eq!(judged(&[1, 2, 3], 3), Ok(()));
    assert_eq!(judged(&[2, 3, 4, 5], 5), Ok(()));
    for (order, upto) in [(&[1, 3, 2][..], 3), (&[1, 2, 1], 2), (&[1, 3], 3), (&[1, 2, 3, 4], 3)] {
        assert_broken(judged(order, upto), "hold events up to slot");
    }
}

#[test]
fn a_turn_begins_behind_the_checkpoint_that_it_took() {
    let mut scene = Scene::new();
    scene.track.checkpoint = Seq(3);
    scene.turns.note_interruption(scene.node);
    scene.take(Node(scene.node.0 + 1), 2).expect("no turn of it was open");
    assert_broken(scene.deliver(1..6, 1), "the checkpoint was at slot 3 when it took the lease");
}

#[test]
fn no_slot_is_given_for_the_first_time_behind_a_later_one() {
    let mut scene = Scene::new();
    scene.track = Track::default();
    // Slot 1 was empty when the first turn read the page.
    let stepped_over = scene.delivery(2..3, 1);
    let sight = Sight { at: Millis(1), slots: &scene.slots, chronicle: &scene.chronicle };
    let judged = scene.track.judge_start(&stepped_over, Seq(2), sight, &mut scene.turns);
    assert_eq!(judged, Ok(()));
    scene.turns.note_interruption(scene.node);
    scene.take(Node(scene.node.0 + 1), 2).expect("no turn of it was open");
    let judged = scene.deliver(1..3, 1);
    assert_broken(judged, "for the first time, although slot 2 had been given before");
}

#[test]
fn what_an_operator_has_moved_back_behind_is_delivered_again_and_nothing_else() {
    let finished = || {
        let mut scene = Scene::new();
        scene.track.note_finish(&scene.delivery(1..6, 1));
        scene.track.note_release(scene.node, Epoch(1));
        scene.tell(News::Reply(Reply::Page(Slots::default())));
        scene.tell(News::Reply(Reply::Released));
        scene
    };
    let again = |scene: &mut Scene, first: u64| {
        scene.track.checkpoint = Seq(first - 1);
        scene.take(Node(scene.node.0 + 1), 3).expect("no turn of it was open");
        scene.deliver(first..6, 1)
    };
    let mut scene = finished();
    scene.track.note_move_back(Epoch(2), Seq(2));
    assert_eq!(again(&mut scene, 3), Ok(()));

    let mut scene = finished();
    scene.track.note_move_back(Epoch(2), Seq(2));
    assert_broken(again(&mut scene, 2), "released under epoch 1 after slot 5 was finished");

    assert_broken(again(&mut finished(), 3), "released under epoch 1 after slot 5 was finished");
}
