//! Random schedules of two runs, an operator and a consumer that voids slots.

use gapless::{AppendError, PartitionId, ProducerError, Stream};
use proptest::prelude::*;

use super::world::{KEYS, Run, World, abandon};

/// What happens next in a random schedule.
#[derive(Clone, Debug)]
enum Step {
    Push {
        run: bool,
        events: u64,
    },
    Flush {
        run: bool,
    },
    AbandonPush {
        run: bool,
        polls: usize,
    },
    AbandonFlush {
        run: bool,
        polls: usize,
    },
    /// The run dies, and another begins.
    Kill {
        run: bool,
    },
    Split(prop::sample::Index),
    Merge(prop::sample::Index),
    Void,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Of two runs, the second is there to be fenced or to fence.
    let run = || prop::bool::weighted(0.2);
    let step = prop_oneof![
        5 => (run(), 1..4_u64).prop_map(|(run, events)| Step::Push { run, events }),
        2 => run().prop_map(|run| Step::Flush { run }),
        4 => (run(), 1..20_usize).prop_map(|(run, polls)| Step::AbandonPush { run, polls }),
        4 => (run(), 1..30_usize).prop_map(|(run, polls)| Step::AbandonFlush { run, polls }),
        2 => run().prop_map(|run| Step::Kill { run }),
        2 => any::<prop::sample::Index>().prop_map(Step::Split),
        3 => any::<prop::sample::Index>().prop_map(Step::Merge),
        2 => Just(Step::Void),
    ];
    prop::collection::vec(step, 1..40)
}

impl World {
    /// Splits one of the leaves, unless it is small.
    async fn split_any(&self, index: prop::sample::Index) {
        let leaf = index.get(&self.leaves().await).clone();
        if leaf.bits() < 3 {
            self.operator.split(&leaf).await.expect("split");
        }
    }

    /// Merges all that came of one of the partitions that were split, unless that was merged.
    async fn merge_any(&self, index: prop::sample::Index) {
        let (all, leaves) = (self.partitions().await, self.leaves().await);
        let merged = |it: &PartitionId| it.merged().expect("no single key");
        let sealed = all.iter().filter(|(_, (_, children))| children.len() == 2).map(|(it, _)| it);
        let of_family = |family: &PartitionId| -> Vec<PartitionId> {
            let comes = |leaf: &&PartitionId| leaf.as_str().starts_with(family.as_str());
            leaves.iter().filter(comes).cloned().collect()
        };
        let unmerged = sealed.filter(|it| !all.contains_key(&merged(it)));
        let families: Vec<_> = unmerged.filter(|it| !of_family(it).is_empty()).collect();
        if families.is_empty() {
            return;
        }
        let family = *index.get(&families);
        self.operator.merge(&of_family(family)).await.expect("merged");
    }

    /// Does a step. A run that is fenced out ends.
    async fn step(&self, runs: &mut [Run; 2], processes: &[Stream; 2], input: &[&str], step: Step) {
        let (index, done) = match step {
            Step::Push { run, events } => {
                let (index, run) = (usize::from(run), &mut runs[usize::from(run)]);
                let last = input.len().min((run.next + events - 1) as usize);
                (index, run.push_to(input, last).await)
            }
            Step::Flush { run } => (usize::from(run), runs[usize::from(run)].flush().await),
            Step::AbandonPush { run, polls } => {
                abandon(polls, runs[usize::from(run)].push_to(input, input.len())).await;
                return;
            }
            Step::AbandonFlush { run, polls } => {
                abandon(polls, runs[usize::from(run)].flush()).await;
                return;
            }
            Step::Kill { run } => {
                let index = usize::from(run);
                runs[index] = Run::new(&processes[index], 3 - index);
                return;
            }
            Step::Split(index) => return self.split_any(index).await,
            Step::Merge(index) => return self.merge_any(index).await,
            Step::Void => return self.void().await,
        };
        match done {
            Ok(()) => {}
            Err(ProducerError::Append(AppendError::Fenced { .. })) => {
                runs[index] = Run::new(&processes[index], 3 - index);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

async fn run_schedule(input: &[&str], steps: Vec<Step>, shares_routes: bool) {
    let world = World::new().await;
    let first = world.process().await;
    let second = if shares_routes { first.clone() } else { world.process().await };
    let processes = [first, second];
    let mut runs = [0, 1].map(|index| Run::new(&processes[index], 3 - index));
    for step in steps {
        world.step(&mut runs, &processes, input, step).await;
    }
    drop(runs);
    Run::new(&world.process().await, 4).finish(&world, input).await;
    world.verify(input).await;
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_event_is_appended_once_and_in_order_in_any_schedule(
        input in prop::collection::vec(prop::sample::select(&KEYS[..]), 8..24),
        steps in steps(),
        shares_routes: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(run_schedule(&input, steps, shares_routes));
    }
}
