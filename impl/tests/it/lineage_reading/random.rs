//! Splits, merges and appends in any order.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use gapless::{Event, PartitionId, Stream, Target};
use proptest::prelude::*;

use super::{by_key, id, keys, read, texts, two_processes};

/// One step of whoever uses a stream.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append { key: usize },
    Split { leaf: usize },
    Merge { pair: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..8_usize).prop_map(|key| Step::Append { key }),
        1 => (0..64_usize).prop_map(|leaf| Step::Split { leaf }),
        1 => (0..64_usize).prop_map(|pair| Step::Merge { pair }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Applies a step to the stream and to the list of its leaves.
async fn take(stream: &Stream, step: Step, leaves: &mut Vec<PartitionId>, text: String) {
    match step {
        Step::Append { key } => {
            stream.append(Event::new(keys()[key].as_str(), text)).await.expect("appended");
        }
        Step::Split { leaf } => {
            let leaf = leaves.remove(leaf % leaves.len());
            leaves.extend(stream.split(&leaf).await.expect("split"));
        }
        Step::Merge { pair } => {
            let whole = |leaf: &PartitionId| {
                // What a leaf is a half of, whatever was merged into it since.
                leaf.as_str().trim_end_matches('~').parse::<PartitionId>().ok()?.whole()
            };
            let siblings = |one: &PartitionId| {
                let of_one = whole(one)?;
                let found: Vec<_> = leaves
                    .iter()
                    .filter(|it| whole(it).as_ref() == Some(&of_one))
                    .cloned()
                    .collect();
                (found.len() == 2).then_some((found, of_one))
            };
            let pairs: Vec<_> = leaves.iter().filter_map(siblings).collect();
            if pairs.is_empty() {
                return;
            }
            let (parents, of) = pairs[pair % pairs.len()].clone();
            let child = of.merged().expect("no single key");
            stream.merge(&parents).await.expect("merged");
            leaves.retain(|leaf| !parents.contains(leaf));
            leaves.push(child);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_split_and_merged_each_key_is_read_in_its_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let [here, other] = two_processes().await;
            let mut leaves = vec![id("p")];
            let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                // Either process appends, and its routes are behind.
                let stream = if number % 3 == 0 { &other } else { &here };
                take(stream, step, &mut leaves, number.to_string()).await;
                if let Step::Append { key } = step {
                    wanted.entry(keys()[key].clone()).or_default().push(number.to_string());
                }
            }
            let all = read(other.read(Target::Everything)).await;
            assert_eq!(by_key(&all), wanted);
            let mut back: Vec<_> =
                here.read_back(Target::Everything).map(|it| it.expect("read")).collect().await;
            back.reverse();
            assert_eq!(by_key(&back), wanted);
            for (key, texts_of_key) in &wanted {
                let events = read(other.read(Target::Key(key.clone()))).await;
                assert_eq!(&by_key(&events)[key], texts_of_key);
                assert_eq!(&texts(&here.load(key.as_str()).await.expect("loaded")), texts_of_key);
            }
        });
    }
}
