//! Whatever a cluster does by the specification is explained, and what no store does is not.

use gapless_model::history::{Call, Doubts, Heard, explain};
use gapless_model::store::{Extend, MemoryTables, Reply, Request, View, apply};
use gapless_model::{Epoch, Seq};
use proptest::prelude::*;

use crate::history::{MOST, acquire, call, explained, p, raise, read, unheard, void, write};
use crate::words::{Millis, Words};

/// One step of a cluster of processes.
#[derive(Clone, Debug)]
enum Step {
    /// A process that waits for nothing asks.
    Ask(usize, Box<Request<Words>>),
    /// A request that is under way is applied.
    Apply(usize),
    /// A process hears its answer.
    Hear(usize),
    /// A process dies; what it had asked may still be applied.
    Die(usize),
}

fn request() -> impl Strategy<Value = Request<Words>> {
    let extend = Extend { until: Millis(2_000), beat: true };
    let renew =
        Request::Renew { group: "g".to_owned(), partition: p(), fence: Some(Epoch(1)), extend };
    let token = prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        3 => Just(raise()),
        3 => (1_u64..5, token).prop_map(|(slot, token)| write(slot, token)),
        1 => (1_u64..5).prop_map(void),
        2 => (0_u64..3, any::<bool>()).prop_map(|(after, consistent)| read(after, consistent)),
        1 => Just(Request::ReadTail { partition: p() }),
        2 => prop::sample::select(vec!["x", "y"]).prop_map(acquire),
        1 => Just(renew),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..4, request()).prop_map(|(process, request)| Step::Ask(process, Box::new(request))),
        8 => (0_usize..4).prop_map(Step::Apply),
        8 => (0_usize..4).prop_map(Step::Hear),
        1 => (0_usize..4).prop_map(Step::Die),
    ]
}

/// What a cluster does in these steps, by the specification.
fn history(steps: &[Step]) -> Vec<Call<Words>> {
    let mut tables = MemoryTables::default();
    let mut calls: Vec<Call<Words>> = Vec::new();
    // For each process its call, and the answer on its way.
    let mut open: [Option<(usize, Option<Reply<Words>>)>; 4] = Default::default();
    let mut run = [0, 1, 2, 3];
    let mut late: Vec<usize> = Vec::new();
    for (step, now) in steps.iter().zip(1_u64..) {
        match step {
            Step::Ask(process, request) if open[*process].is_none() => {
                open[*process] = Some((calls.len(), None));
                calls.push(unheard(run[*process], now, (**request).clone()));
            }
            Step::Apply(process) => match &mut open[*process] {
                Some((index, answer @ None)) => {
                    *answer = Some(apply(&mut tables, &calls[*index].request, View::Latest));
                }
                // A request of a process that died arrives late.
                None if !late.is_empty() => {
                    let index = late.swap_remove(process % late.len());
                    drop(apply(&mut tables, &calls[index].request, View::Latest));
                }
                Some((_, Some(_))) | None => {}
            },
            Step::Hear(process) => {
                if let Some((index, Some(answer))) = open[*process].take_if(|call| call.1.is_some())
                {
                    calls[index].heard = Heard::Reply(Millis(now), answer);
                }
            }
            Step::Die(process) => {
                if let Some((index, None)) = open[*process].take() {
                    late.push(index);
                }
                run[*process] += 4;
            }
            Step::Ask(..) => {}
        }
    }
    calls
}

proptest! {
    #[test]
    fn what_the_specification_answers_is_explained(steps in prop::collection::vec(step(), 1..120)) {
        let calls = history(&steps);
        prop_assert_eq!(explained(&calls), Ok(()));
        let doubts = Doubts { skew: 5, hidden_retries: true };
        prop_assert_eq!(explain(&calls, &doubts, MOST), Ok(()), "doubts forbid nothing");
    }

    /// The last number that was given out is given out once more, or one before it is.
    #[test]
    fn a_number_that_is_given_out_twice_is_not_explained(
        steps in prop::collection::vec(step(), 1..120),
        back in 1_u64..3,
    ) {
        let mut calls = history(&steps);
        let now = steps.len() as u64 + 1;
        let given = |call: &Call<Words>| match call.heard {
            Heard::Reply(_, Reply::Raised(number)) => Some(number),
            _ => None,
        };
        let last = calls.iter().filter_map(given).max();
        let Some(last) = last.filter(|last| last.0 >= back) else { return Ok(()) };
        let again = Reply::Raised(Seq(last.0 + 1 - back));
        calls.push(call(99, (now, now + 1), raise(), again));
        let found = explained(&calls);
        prop_assert!(found.is_err(), "{:?}", calls);
    }
}
