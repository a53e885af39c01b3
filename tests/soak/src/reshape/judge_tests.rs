//! What the judge says of logs that are sound, and of those that are not.

use super::*;
use crate::reshape::moment::Moment;

fn entry(source: u16, number: u64) -> Entry {
    Entry { source: Source(source), number }
}

/// Two producers whose events `key-1` has, and a key of the prober.
fn sound() -> (Keys, Appended) {
    let shared = [(1, 1), (2, 1), (1, 65), (2, 65)].map(|(source, number)| entry(source, number));
    let probed = [1, 2, 3].map(|number| entry(0, number));
    let stored = [("key-1", &shared[..]), ("probe-1", &probed)];
    let stored = stored.map(|(key, entries)| (key.to_owned(), entries.to_vec())).into();
    let producers = [(Source(1), 65), (Source(2), 65)].into();
    (stored, Appended { producers, probed: [("probe-1".to_owned(), 3)].into() })
}

/// What is said of the stream. The counts of whole inputs are left out: they have other keys, too.
fn said_of(stored: &Keys, appended: &Appended) -> Vec<String> {
    let mut findings = Findings::default();
    judge_stored(stored, appended, &mut findings);
    findings.lines().into_iter().filter(|line| !line.starts_with("the stream has")).collect()
}

#[test]
fn a_stream_that_has_each_event_once_in_order_is_sound() {
    let (stored, appended) = sound();
    assert_eq!(said_of(&stored, &appended), [""; 0]);
}

#[test]
fn an_event_that_the_stream_lacks_has_twice_or_has_elsewhere_is_found() {
    let change = |change: &dyn Fn(&mut Vec<Entry>)| {
        let (mut stored, appended) = sound();
        change(stored.get_mut("key-1").expect("a key"));
        said_of(&stored, &appended)
    };
    assert_eq!(
        change(&|events| _ = events.remove(0)),
        ["key-1: event 65 of producer-1 is there, where 1 should"]
    );
    assert_eq!(
        change(&|events| _ = events.pop()),
        ["key-1: event 65 of producer-2 is missing, of 65"]
    );
    assert_eq!(
        change(&|events| events.push(entry(1, 65))),
        ["key-1: event 65 of producer-1 is there again"]
    );
    assert_eq!(
        change(&|events| events.swap(0, 2)),
        [
            "key-1: event 65 of producer-1 is there, where 1 should",
            "key-1: event 1 of producer-1 is there again"
        ]
    );
}

#[test]
fn events_that_are_missing_of_a_key_without_any_are_found_by_their_number() {
    let (mut stored, mut appended) = sound();
    stored.remove("key-1");
    appended.producers.clear();
    appended.producers.insert(Source(1), 2);
    let mut findings = Findings::default();
    judge_stored(&stored, &appended, &mut findings);
    assert_eq!(findings.lines(), ["the stream has 3 events in order, and 5 were appended"]);
}

/// A run that was given these: when, in which epoch, and the slots with their numbers.
fn run(name: &str, killed: bool, deliveries: &[(u64, u64, &[u64])]) -> Run {
    let delivered = |(at, epoch, slots): &(u64, u64, &[u64])| {
        let event = |slot: &u64| {
            let position = format!("{slot}").parse().expect("a position");
            (position, "probe-1".to_owned(), entry(0, *slot))
        };
        let partition = "p".parse().expect("an id");
        let events = slots.iter().map(event).collect();
        Delivered { at: Moment(*at), partition, epoch: *epoch, events }
    };
    let deliveries = deliveries.iter().map(delivered).collect();
    Run { name: name.to_owned(), killed, deliveries }
}

fn said_of_runs(runs: &[Run]) -> (Vec<String>, u64) {
    let mut findings = Findings::default();
    let consumed = judge_deliveries(runs, &mut findings);
    let (stored, _) = sound();
    let probed = stored.into_iter().filter(|(key, _)| key == "probe-1").collect();
    judge_order(&probed, &consumed.first, &mut findings);
    (findings.lines(), consumed.again)
}

#[test]
fn what_is_delivered_again_after_a_kill_is_sound_and_counted() {
    let runs = [run("a", true, &[(1, 1, &[1, 2])]), run("b", false, &[(5, 2, &[2, 3])])];
    assert_eq!(said_of_runs(&runs), (vec![], 1));
}

#[test]
fn what_is_delivered_again_without_a_kill_is_found() {
    let runs = [run("a", false, &[(1, 1, &[1, 2])]), run("b", false, &[(5, 2, &[2, 3])])];
    let (said, _) = said_of_runs(&runs);
    assert!(said[0].contains("delivered to a, which was not killed, and again to b"), "{said:?}");
}

#[test]
fn an_epoch_that_goes_back_or_has_two_owners_is_found() {
    let (said, _) = said_of_runs(&[run("a", true, &[(1, 1, &[1, 2]), (2, 1, &[2, 3])])]);
    assert!(said[0].contains("delivered behind 2.0 in epoch 1 of a"), "{said:?}");
    let runs = [run("a", true, &[(1, 1, &[1])]), run("b", true, &[(2, 1, &[2, 3])])];
    let (said, _) = said_of_runs(&runs);
    assert!(said[0].contains("epoch 1 was a's and b's"), "{said:?}");
}

#[test]
fn an_event_that_is_left_out_or_comes_too_early_is_found() {
    let (said, _) = said_of_runs(&[run("a", false, &[(1, 1, &[1, 3])])]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("2 events were delivered, and 3 are there"), "{said:?}");
    let (said, _) =
        said_of_runs(&[run("a", true, &[(2, 1, &[1])]), run("b", true, &[(1, 2, &[2, 3])])]);
    assert!(
        said[0].starts_with("probe-1: event 2 of the prober was delivered, where event 1 of"),
        "{said:?}"
    );
}
