//! No partition starves: without faults, an event waits no longer than its group's workers need to hear
//! of it and to finish what is before it, however much there is to do in other partitions.

use std::collections::BTreeMap;

use gapless::Group;

use super::chronicle::Chronicle;
use super::deliveries::Deliveries;
use super::evidence::ObservedDelivery;
use super::judgement::{Breach, Finding, Judgement};
use super::words::{seconds, slot_name};
use crate::plan::{HintSource, Lifetime, Millis, Plan};

/// How long an event may wait at most, for each group; no group is in it where something goes wrong.
#[derive(Debug)]
pub(crate) struct Delays(BTreeMap<Group, Millis>);

impl Delays {
    pub(crate) fn new(plan: &Plan) -> Delays {
        let bound = |group: u8| Some((Group::from(Plan::group_name(group)), most(plan, group)?));
        let groups = if plan.is_calm() { 0..plan.groups } else { 0..0 };
        Delays(groups.filter_map(bound).collect())
    }

    /// Judges how long the events of a delivery have waited that their group is given for the first time.
    pub(super) fn judge_start(
        &self,
        at: Millis,
        delivery: &ObservedDelivery,
        deliveries: &Deliveries,
        chronicle: &Chronicle,
    ) -> Judgement {
        let Some(most) = self.0.get(&delivery.group) else { return Ok(()) };
        for (position, event) in &delivery.events {
            let known = chronicle.acknowledged(event);
            let Some((acknowledged, _)) = known else { continue };
            let waited = at.minus(acknowledged);
            if waited > *most && !deliveries.has_delivered(&delivery.group, event) {
                let sentence = format!(
                    "event {event} in {}, acknowledged at {}, had to wait {waited} for a worker of \
                     {}, although nothing had gone wrong; {most} are the most that its workers need.",
                    slot_name(&delivery.partition, position.slot),
                    seconds(acknowledged),
                    delivery.group,
                );
                let finding = Finding::new(sentence).at(&delivery.partition, Some(position.slot));
                return Err((Breach::Starvation, finding));
            }
        }
        Ok(())
    }
}

/// The most that a group of standing workers needs. A function's messages are hidden while another one
/// has them, for as long as that may take: what its events wait for is the queue.
fn most(plan: &Plan, group: u8) -> Option<Millis> {
    /// Until a hint has arrived, where a worker has no regular sweeps.
    const HINT: u64 = 1_500;
    /// A lease to take, pages to read, a checkpoint to move.
    const CALLS: u64 = 500;
    let workers = || plan.workers.iter().filter(|worker| worker.group == group);
    if workers().any(|worker| worker.life != Lifetime::Standing) {
        return None;
    }
    let handling = workers().map(|worker| worker.handling.0).max()?;
    let found = workers().map(|worker| match worker.hints {
        HintSource::None => worker.sweep.0,
        HintSource::Queue | HintSource::TableStream => worker.sweep.0.min(HINT),
    });
    let found = found.max()?;
    let places = (0..plan.workers.len())
        .filter(|index| plan.workers[*index].group == group)
        .map(|index| u64::try_from(plan.concurrency(index)).unwrap_or(u64::MAX))
        .min()?;
    let partitions = plan.partitions();
    let call = plan.latency.0.saturating_mul(2).saturating_add(2);
    let calls = |count: u64| call.saturating_mul(count);
    // A turn makes room for others after a quarter of a lease, when it has handled what it has in hand.
    let turn = (plan.lease.0 / 4 + CALLS).saturating_add(handling).saturating_add(calls(10));
    let events: u64 = plan.producers.iter().map(|producer| u64::from(producer.events)).sum();
    let pages = plan.page.map_or(1, |page| 1 + events / u64::from(page.get()));
    let page = handling.saturating_add(calls(3));
    let waits = [
        found,
        calls(3 + partitions),
        turn.saturating_mul(partitions.div_ceil(places)),
        page.saturating_mul(pages),
    ];
    Some(Millis(waits.into_iter().fold(0, u64::saturating_add)))
}

#[cfg(test)]
mod tests {
    use gapless::Position;
    use gapless_model::design::Design;
    use gapless_model::{Epoch, PartitionId, Seq};

    use super::*;
    use crate::plan::{Incident, Node, Profile, WorkerPlan};

    fn plan() -> Plan {
        let mut plan = Profile::Calm.plan(1, Design::RECOMMENDED);
        (plan.lease, plan.page, plan.partition_bits) = (Millis(2_000), None, Some(0));
        plan.latency = Millis(5);
        let worker = plan.workers[0];
        let (life, sweep, hints) = (Lifetime::Standing, Millis(1_000), HintSource::None);
        plan.workers =
            vec![WorkerPlan { group: 0, life, sweep, hints, handling: Millis(100), ..worker }];
        plan
    }

    /// What is said of an event that was acknowledged at 1 s and delivered after so long.
    fn said(plan: &Plan, waited: u64) -> Option<String> {
        let mut chronicle = Chronicle::new(plan);
        chronicle.note_acknowledgement(Millis(1_000), Node(0), "event p1.0.0");
        let position = Position { slot: Seq(1), index: 0 };
        let delivery = ObservedDelivery {
            node: plan.worker(0),
            group: Group::from(Plan::group_name(0)),
            partition: PartitionId::covering(0, 0),
            epoch: Epoch(1),
            upto: Seq(1),
            attempt: 1,
            events: vec![(position, "event p1.0.0".to_owned())],
        };
        let deliveries = Deliveries::default();
        let at = Millis(1_000 + waited);
        let judged = Delays::new(plan).judge_start(at, &delivery, &deliveries, &chronicle);
        judged.err().map(|(_, finding)| finding.sentence)
    }

    #[test]
    fn an_event_waits_for_a_sweep_and_for_the_turns_before_it() {
        // A sweep of a partition, a turn of a quarter of a lease, and a page.
        let most = 1_000 + 4 * 12 + (500 + 100 + 500 + 10 * 12) + (100 + 3 * 12);
        assert_eq!(said(&plan(), most), None);
        let late = said(&plan(), most + 1).expect("it is too late");
        assert!(late.contains("had to wait 2.405s for a worker of group-1"), "{late}");
    }

    #[test]
    fn only_runs_in_which_nothing_goes_wrong_are_judged() {
        let mut plan = plan();
        let happening = crate::plan::Happening::Storm { span: Millis(10) };
        plan.incidents.push(Incident { at: Millis(1), happening, ambush: None });
        assert_eq!(said(&plan, 60_000), None);
    }
}
