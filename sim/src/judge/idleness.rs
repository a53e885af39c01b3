//! What a worker costs that has nothing to do: it looks at the tables once for each interval of its
//! sweeps, and writes nothing.

use std::collections::BTreeMap;

use super::judgement::{Breach, Finding, Judgement};
use super::words::seconds;
use crate::plan::{Millis, Node, Plan};

/// What an idle worker has sent.
#[derive(Debug, Default)]
struct Sent {
    reads: u64,
    /// The first write, in words, with its time.
    wrote: Option<(Millis, String)>,
}

/// What idle workers have sent since a time.
#[derive(Debug, Default)]
pub(crate) struct Idleness {
    since: Option<Millis>,
    sent: BTreeMap<Node, Sent>,
}

impl Idleness {
    /// Notes that from now on there is nothing to do.
    pub(crate) fn begin(&mut self, at: Millis) {
        self.since = Some(at);
        self.sent.clear();
    }

    /// Notes a call of a node; `did` says in words what it does.
    pub(crate) fn note_call(
        &mut self,
        at: Millis,
        node: Node,
        writes: bool,
        did: impl FnOnce() -> String,
    ) {
        if self.since.is_none() {
            return;
        }
        let sent = self.sent.entry(node).or_default();
        match writes {
            true if sent.wrote.is_none() => sent.wrote = Some((at, did())),
            true => {}
            false => sent.reads += 1,
        }
    }

    /// Whether a worker that can be judged was seen.
    pub(crate) fn has_seen(&self, plan: &Plan) -> bool {
        let mut alone = plan.workers.iter().enumerate().filter(|(_, worker)| worker.is_alone());
        alone.any(|(index, _)| self.sent.contains_key(&plan.worker(index)))
    }

    /// Judges what the standing workers have sent that nothing but their own sweeps tells of work.
    pub(crate) fn judge(&self, at: Millis, plan: &Plan) -> Judgement {
        let Some(since) = self.since else { return Ok(()) };
        let idle = at.minus(since);
        for (index, worker) in plan.workers.iter().enumerate() {
            let node = plan.worker(index);
            let Some(sent) = self.sent.get(&node).filter(|_| worker.is_alone()) else { continue };
            let broken = |what: String| {
                let sentence = format!(
                    "{} {what}, although there was nothing to do since {}.",
                    plan.name(node),
                    seconds(since)
                );
                Err((Breach::Cost, Finding::new(sentence)))
            };
            if let Some((when, did)) = &sent.wrote {
                return broken(format!("wrote to the tables at {}: {did}", seconds(*when)));
            }
            let most = most_reads(plan, worker.sweep, idle);
            if sent.reads > most {
                return broken(format!(
                    "sent {} reads in {idle}, and {most} are the most that its sweeps need",
                    sent.reads
                ));
            }
        }
        Ok(())
    }
}

/// How many reads the sweeps of so long a time need at most. One may be under way at the beginning, and
/// one may come sooner than it is due.
fn most_reads(plan: &Plan, interval: Millis, idle: Millis) -> u64 {
    /// The list of partitions, their heads, and the group's leases. With so few partitions, each is
    /// one request.
    const EACH: u64 = 3;
    let partitions = plan.partitions();
    let sweeps = idle.0 / interval.0.max(1) + 3;
    // A partition whose last number was never written is looked into.
    sweeps * (EACH + partitions)
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::*;
    use crate::plan::{HintSource, Lifetime, Profile, WorkerPlan};

    /// A plan with a single worker, which sweeps once a second, and what is said of what it sent in
    /// ten seconds.
    fn said(reads: u64, wrote: bool, hints: HintSource) -> Option<String> {
        let mut plan = Profile::Calm.plan(1, Design::RECOMMENDED);
        plan.partition_bits = Some(1);
        let worker = plan.workers[0];
        let life = Lifetime::Standing;
        plan.workers[0] = WorkerPlan { sweep: Millis(1_000), hints, life, ..worker };
        let mut idleness = Idleness::default();
        let (node, words) = (plan.worker(0), || "take the lease".to_owned());
        // What came before does not count.
        idleness.note_call(Millis(5), node, true, words);
        idleness.begin(Millis(1_000));
        (0..reads).for_each(|_| idleness.note_call(Millis(2_000), node, false, words));
        if wrote {
            idleness.note_call(Millis(3_000), node, true, words);
        }
        let (_, finding) = idleness.judge(Millis(11_000), &plan).err()?;
        Some(finding.sentence)
    }

    #[test]
    fn an_idle_worker_sweeps_and_does_nothing_else() {
        // Thirteen sweeps, each of three requests and a look into each of two partitions.
        assert_eq!(said(65, false, HintSource::None), None);
        let often = said(66, false, HintSource::None).expect("it is one too many");
        assert!(often.contains("sent 66 reads in 10.000s, and 65 are the most"), "{often}");
        let wrote = said(1, true, HintSource::None).expect("it wrote");
        assert!(wrote.contains("wrote to the tables at 3"), "{wrote}");
        // What a hint makes a worker do is not idle.
        assert_eq!(said(500, true, HintSource::Queue), None);
    }
}
