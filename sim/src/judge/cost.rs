//! What appending and consuming cost without faults: so many requests for each slot, and no more; and
//! few leases that are asked for in vain.
//! [Tests in virtual time](../../../impl/tests/it/costs) count single ones; this counts whole runs.

use std::collections::BTreeMap;

use gapless::Live;
use gapless_model::design::{Increment, Release};
use gapless_model::store::Request;

use super::chronicle::Chronicle;
use super::judgement::{Breach, Finding, Judgement};
use crate::plan::{Appending, CallKind, Lifetime, Millis, Node, Plan};

/// What a node has sent.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    reads: u64,
    /// All but those that keep a lease: these cost time, and not events.
    writes: u64,
    refused: u64,
    /// The slots that it filled.
    slots: u64,
    /// The leases that it asked for in vain.
    lost: u64,
}

/// What the nodes of a run have sent.
#[derive(Debug, Default)]
pub(crate) struct Costs(BTreeMap<Node, Spent>);

impl Costs {
    /// Notes a call of a node, the typed request that it stands for, and whether it was done.
    pub(crate) fn note_call(
        &mut self,
        node: Node,
        kind: CallKind,
        request: Option<&Request<Live>>,
        done: bool,
    ) {
        let spent = self.0.entry(node).or_default();
        match kind {
            CallKind::Write if matches!(request, Some(Request::Renew { .. })) => {}
            CallKind::Write => spent.writes += 1,
            CallKind::Read | CallKind::EventualRead => spent.reads += 1,
            CallKind::Batch | CallKind::EventualBatch => spent.reads += 1,
            CallKind::Other => {}
        }
        let fills = matches!(request, Some(Request::Write(_) | Request::RaiseAndWrite { .. }));
        spent.slots += u64::from(fills && done);
        let asks = matches!(request, Some(Request::Acquire { .. }));
        spent.lost += u64::from(asks && !done);
        spent.refused += u64::from(kind == CallKind::Write && !done);
    }

    /// Judges how often the workers of a crowd were in one another's way. Where few workers take long for
    /// few slots, each of them may ask for what another holds at every sweep, and that is no herd.
    fn judge_crowding(&self, plan: &Plan, slots: u64) -> Judgement {
        if !plan.is_crowd() {
            return Ok(());
        }
        for group in 0..plan.groups {
            let members = || {
                let workers = plan.workers.iter().enumerate();
                workers.filter(move |(_, worker)| worker.group == group)
            };
            if !members().all(|(_, worker)| worker.is_alone()) {
                continue;
            }
            let nodes = members().filter_map(|(index, _)| self.0.get(&plan.worker(index)));
            let (lost, most) = (nodes.map(|spent| spent.lost).sum::<u64>(), most_lost(plan, slots));
            if lost > most {
                let sentence = format!(
                    "The workers of {} asked for {lost} leases in vain, which others held, for a stream of \
                     {slots} slots, although nothing had gone wrong; {most} are the most that they need.",
                    Plan::group_name(group)
                );
                return Err((Breach::Cost, Finding::new(sentence)));
            }
        }
        Ok(())
    }

    /// Judges what everything has cost, when everything is done.
    pub(crate) fn judge(&self, at: Millis, plan: &Plan, chronicle: &Chronicle) -> Judgement {
        // A call takes twenty times as long as usual now and then. Nothing may be given up by then.
        let longest = Millis(plan.latency.0.saturating_mul(20).saturating_add(10));
        let is_brisk = plan.grace > longest && plan.read_timeout > longest;
        let has_twins = plan.producers.iter().any(|producer| producer.twin.is_some());
        if !plan.is_calm() || !is_brisk || has_twins {
            return Ok(());
        }
        let slots: u64 = self.0.values().map(|spent| spent.slots).sum();
        self.judge_crowding(plan, slots)?;
        for (&node, &spent) in &self.0 {
            let Some((reads, writes)) = most(plan, node, spent, (slots, at)) else { continue };
            for (what, sent, most) in
                [("reads", spent.reads, reads), ("writes", spent.writes, writes)]
            {
                if sent > most {
                    let sentence = format!(
                        "{} sent {sent} {what} for a stream of {slots} slots, although nothing had gone \
                         wrong; {most} are the most that it needs.",
                        chronicle.name(node)
                    );
                    return Err((Breach::Cost, Finding::new(sentence)));
                }
            }
        }
        Ok(())
    }
}

/// The most leases that the workers of a group ask for in vain, where only their sweeps tell them of
/// work: each begins its sweeps elsewhere and at another time, and keeps away from what others hold.
fn most_lost(plan: &Plan, slots: u64) -> u64 {
    slots / 2 + 2 * plan.partitions()
}

/// The most reads and writes that a node needs.
fn most(plan: &Plan, node: Node, spent: Spent, (slots, at): (u64, Millis)) -> Option<(u64, u64)> {
    /// The stream's own item.
    const OPENING: u64 = 1;
    let partitions = plan.partitions();
    if let Some(producer) = plan.producers.get(usize::from(node.0)) {
        // A number and a slot. What is refused was too late for the position that it expected.
        let writes = 2 * spent.slots + spent.refused;
        let (reads, writes) = match producer.appending {
            Appending::Single | Appending::Grouped => (OPENING, writes),
            // It claims the record of each of its partitions, and reads the record before.
            Appending::Named => (OPENING + 2 * partitions, writes + partitions),
            // It reads heads and histories as often as the application asks for them.
            Appending::Expecting | Appending::Loading => (u64::MAX, writes),
        };
        // Where nothing is raised by itself, the end of the partition is read first.
        let raises = plan.design.increment == Increment::Add;
        return Some((if raises { reads } else { u64::MAX }, writes));
    }
    let worker = plan.workers.get(usize::from(node.0) - plan.producers.len())?;
    if worker.life != Lifetime::Standing {
        return None;
    }
    // The list of partitions, their heads, the group's leases, and a look into each partition.
    let sweeps = at.0 / worker.sweep.0.max(1) + 2;
    let turn = match plan.design.release {
        Release::Unconditional | Release::LookAgain | Release::NextEmpty => 3,
        // A lease is also given back again where a trigger came between.
        Release::Wake => 5,
    };
    // At worst each slot is a turn: a lease that is taken, a page, a checkpoint, a look for more, and the
    // lease given back.
    Some((OPENING + 5 * slots + sweeps * (3 + partitions), turn * slots + 2 * partitions))
}

#[cfg(test)]
mod tests {
    use gapless_model::PartitionId;
    use gapless_model::design::Design;

    use super::*;
    use crate::plan::{HintSource, Profile};

    /// What is said of calls that the first producer and the first worker sent for one slot, in a
    /// second.
    fn said(producer: &[(CallKind, bool)], worker: &[CallKind]) -> Option<String> {
        let mut plan = Profile::Calm.plan(1, Design::RECOMMENDED);
        plan.partition_bits = Some(0);
        plan.producers[0].appending = Appending::Single;
        let life = Lifetime::Standing;
        let (sweep, hints) = (Millis(1_000), HintSource::None);
        plan.workers[0] = crate::plan::WorkerPlan { sweep, hints, life, ..plan.workers[0] };
        let mut costs = Costs::default();
        let slot =
            Request::Void { partition: PartitionId::covering(0, 0), slot: gapless_model::Seq(1) };
        for (kind, done) in producer {
            costs.note_call(plan.producer(0), *kind, Some(&slot), *done);
        }
        costs.0.entry(plan.producer(0)).or_default().slots = 1;
        for kind in worker {
            costs.note_call(plan.worker(0), *kind, None, true);
        }
        let judged = costs.judge(Millis(1_000), &plan, &Chronicle::new(&plan));
        judged.err().map(|(_, finding)| finding.sentence)
    }

    #[test]
    fn an_append_is_two_writes_and_those_that_were_refused() {
        use CallKind::{Read, Write};
        let append = [(Read, true), (Write, true), (Write, true)];
        assert_eq!(said(&append, &[]), None);
        let refused = [append.as_slice(), &[(Write, false)]].concat();
        assert_eq!(said(&refused, &[]), None);
        let again = said(&[append.as_slice(), &[(Write, true)]].concat(), &[]);
        assert!(
            again.expect("it is one too many").contains("sent 3 writes for a stream of 1 slot")
        );
        let looks = said(&[append.as_slice(), &[(Read, true)]].concat(), &[]);
        assert!(looks.expect("it is one too many").contains("sent 2 reads"));
    }

    #[test]
    fn the_workers_of_a_group_ask_for_few_leases_that_others_hold() {
        let mut plan = Profile::Calm.plan(1, Design::RECOMMENDED);
        (plan.partition_bits, plan.groups) = (Some(1), 1);
        let (life, hints) = (Lifetime::Standing, HintSource::None);
        let worker = crate::plan::WorkerPlan { group: 0, life, hints, ..plan.workers[0] };
        plan.workers = vec![worker; 8];
        let said = |plan: &Plan, lost| {
            let spent = Spent { lost, ..Spent::default() };
            let costs = Costs(BTreeMap::from([(plan.worker(0), spent)]));
            let judged = costs.judge_crowding(plan, 100);
            judged.err().map(|(_, finding)| finding.sentence)
        };
        assert_eq!(said(&plan, 54), None);
        let crowded = said(&plan, 55).expect("they are in one another's way");
        assert!(crowded.contains("group-1 asked for 55 leases in vain"), "{crowded}");
        // A hint tells all of them of the same partition at the same time.
        plan.workers[0].hints = HintSource::TableStream;
        assert_eq!(said(&plan, 55), None);
        plan.workers = vec![worker; 7];
        assert_eq!(said(&plan, 55), None, "they are no crowd");
    }

    #[test]
    fn a_turn_is_three_writes_and_five_reads_besides_the_sweeps() {
        use CallKind::{Other, Read, Write};
        let calls = |reads: usize, writes: usize| [vec![Read; reads], vec![Write; writes]].concat();
        // The stream's item, a turn, and three sweeps of four reads.
        assert_eq!(said(&[], &calls(1 + 5 + 3 * 4, 3 + 2)), None);
        assert!(said(&[], &calls(1 + 5 + 3 * 4 + 1, 0)).is_some());
        assert!(said(&[], &calls(0, 3 + 2 + 1)).is_some());
        // What the table's stream is asked has limits of its own.
        assert_eq!(said(&[], &[Other; 500]), None);
    }
}
