//! P1 in words: what was not delivered in time, and why nothing that the workers do helps.

use gapless::{Group, Live};
use gapless_model::explanation::{capital, listed};
use gapless_model::store::{Lease, Reply, Request, reply_words};
use gapless_model::{Invariant, Page as _, Seen, Seq};

use super::chronicle::{Chronicle, Deed};
use super::evidence::{LeaseKey, SlotKey};
use super::judgement::{Breach, Finding};
use super::leases::Leases;
use super::lineage::Lineage;
use super::slots::SlotContents;
use super::words::{partition_name, request, seconds, simulated, slot_name};
use crate::plan::{Millis, Node};

/// What a run lacks when its patience is over.
pub(super) struct Lack<'a> {
    pub(super) undelivered: &'a [(String, Group)],
    /// The producers that have not appended everything.
    pub(super) unfinished: &'a [Node],
    pub(super) patience: Millis,
}

/// The violation of P1.
pub(super) fn stuck(
    lack: &Lack<'_>,
    slots: &SlotContents,
    (leases, lineage): (&Leases, &Lineage),
    chronicle: &Chronicle,
) -> (Breach, Finding) {
    let finding = match lack.undelivered {
        [] => unfinished(lack, chronicle),
        [(event, group), others @ ..] => {
            let first = (event.as_str(), group);
            // Of several the one in the lowest slot: it may be what holds up the rest.
            let place = |event: &str| slots.position_of(event).map(|(_, slot)| slot);
            let first = others.iter().fold(first, |first, (event, group)| {
                if place(event) < place(first.0) { (event.as_str(), group) } else { first }
            });
            undelivered(lack, first, slots, (leases, lineage), chronicle)
        }
    };
    (Breach::Invariant(Invariant::P1), finding)
}

fn since_trouble(lack: &Lack<'_>, chronicle: &Chronicle) -> String {
    let ended = chronicle.healed().map_or(String::new(), |at| format!(" at {}", seconds(at)));
    format!("within {} after all trouble ended{ended}", seconds(lack.patience))
}

fn undelivered(
    lack: &Lack<'_>,
    (event, group): (&str, &Group),
    slots: &SlotContents,
    (leases, lineage): (&Leases, &Lineage),
    chronicle: &Chronicle,
) -> Finding {
    let acknowledged = chronicle
        .acknowledged(event)
        .map_or(String::new(), |(at, _)| format!("acknowledged at {} and stored in ", seconds(at)));
    let others = match lack.undelivered.len() - 1 {
        0 => String::new(),
        1 => ", nor was one other event to its group".to_owned(),
        more => format!(", nor were {more} other events to their groups"),
    };
    let within = since_trouble(lack, chronicle);
    let Some(place) = slots.position_of(event) else {
        return Finding::new(format!(
            "event {event}, which was acknowledged, was not delivered to {group} {within}{others}."
        ));
    };
    let sentence = format!(
        "event {event}, {acknowledged}{}, was not delivered to {group} {within}{others}.",
        slot_name(&place.0, place.1)
    );
    let mut finding = Finding::new(sentence).at(&place.0, place.1);
    // What comes before the partition keeps it back.
    finding.why = Some(match lineage.first_unfinished(&place.0, group, leases) {
        Some(before) => format!(
            "It comes behind {}, which {group} has not finished. {}",
            partition_name(&before.0),
            why(&before, group, slots, leases, chronicle)
        ),
        None => why(&place, group, slots, leases, chronicle),
    });
    finding
}

fn unfinished(lack: &Lack<'_>, chronicle: &Chronicle) -> Finding {
    let names: Vec<_> =
        lack.unfinished.iter().map(|node| chronicle.name(*node).to_owned()).collect();
    let within = since_trouble(lack, chronicle);
    let sentence = format!("{} did not finish appending {within}.", listed(&names));
    let mut finding = Finding::new(sentence);
    let last = |node: &Node| {
        let name = chronicle.name(*node);
        let deed = chronicle.last(|deed| deed.node == *node);
        let asked = deed.map_or_else(|| "asked for nothing".to_owned(), request_and_reply);
        let since = chronicle.healed().unwrap_or_default();
        let count = chronicle.count(|deed| deed.node == *node && deed.at >= since);
        format!("{} {asked}, the last of {count} requests since trouble ended.", capital(name))
    };
    finding.why = Some(lack.unfinished.iter().map(last).collect::<Vec<_>>().join(" "));
    for node in lack.unfinished {
        if let Some(deed) = chronicle.last(|deed| deed.node == *node) {
            finding = finding.at(deed.request.partition(), deed.request.slot());
        }
    }
    finding
}

/// A request in the past tense, with its reply.
fn request_and_reply(deed: &Deed) -> String {
    let reply = deed.reply.as_ref().map_or("an error".to_owned(), reply_words::<Live>);
    format!("asked to {} at {} (reply: {reply})", request(&deed.request), seconds(deed.at))
}

/// Why the group's workers never get to a slot.
fn why(
    place: &SlotKey,
    group: &Group,
    slots: &SlotContents,
    leases: &Leases,
    chronicle: &Chronicle,
) -> String {
    let (partition, slot) = place;
    let key: LeaseKey = (group.clone(), partition.clone());
    let lease = leases.current(&key);
    let mut reasons = vec![standing(place, &key, lease, chronicle)];
    reasons.extend(gap(place, lease, slots, chronicle));
    let own = chronicle.processes().filter(|(_, worker)| *worker == Some(group));
    reasons.extend(own.map(|(node, _)| doing(node, place, &key, chronicle)));
    let waiting = lease.is_none_or(|lease| lease.checkpoint < *slot);
    let since = chronicle.healed().unwrap_or_default();
    let takes = |deed: &Deed| {
        let takes = matches!(deed.request, Request::Acquire { .. } | Request::SetLease { .. });
        deed.is_about(&key) && takes
    };
    let now = chronicle.latest().map_or(since, |deed| deed.at);
    let held = lease.is_some_and(|lease| lease.active && simulated(lease.until) > now);
    if waiting && !held && chronicle.count(|deed| takes(deed) && deed.at >= since) == 0 {
        let last = chronicle
            .last(takes)
            .map_or(String::new(), |deed| format!("; the last did at {}", seconds(deed.at)));
        reasons.push(format!("No worker has asked for the lease since trouble ended{last}."));
    }
    reasons.join(" ")
}

/// The first slot before this one that keeps the group from it, because it is empty.
fn gap(
    (partition, slot): &SlotKey,
    lease: Option<&Lease<Live>>,
    slots: &SlotContents,
    chronicle: &Chronicle,
) -> Option<String> {
    let checkpoint = lease.map_or(0, |lease| lease.checkpoint.0);
    let mut between = (checkpoint + 1..slot.0).map(Seq);
    let empty = between.find(|before| !slots.is_settled(&(partition.clone(), *before)))?;
    let given = chronicle.last(|deed| {
        deed.request.partition() == partition && deed.reply == Some(Reply::Raised(empty))
    });
    let given = given.map_or(String::new(), |deed| {
        let unheard = if deed.heard { "" } else { " but did not hear so" };
        let (who, at) = (chronicle.name(deed.node), seconds(deed.at));
        format!(": {who} was given it at {at}{unheard}")
    });
    Some(format!(
        "Slot {empty} before it is empty{given}, and nothing has written or voided it since; a \
         worker that waits for it delivers nothing behind it."
    ))
}

/// What the checkpoint means for a slot.
fn standing(
    (partition, slot): &SlotKey,
    key: &LeaseKey,
    lease: Option<&Lease<Live>>,
    chronicle: &Chronicle,
) -> String {
    let (group, on) = (&key.0, partition_name(partition));
    let Some(lease) = lease else {
        return format!("No worker of {group} has ever had the lease on {on}.");
    };
    if lease.checkpoint < *slot {
        return format!(
            "{}'s checkpoint on {on} is slot {}, so that slot {slot} is still before its workers.",
            capital(group.as_str()),
            lease.checkpoint
        );
    }
    let moved = chronicle.passing(key, *slot).map_or(String::new(), |deed| {
        format!(" since {} moved it there at {}", chronicle.name(deed.node), seconds(deed.at))
    });
    format!(
        "{}'s checkpoint on {on} has been past slot {slot}{moved}, and its workers read only what \
         follows the checkpoint: none will see slot {slot} again.",
        capital(group.as_str()),
    )
}

/// What a worker did about a partition since trouble ended.
fn doing(node: Node, place: &SlotKey, key: &LeaseKey, chronicle: &Chronicle) -> String {
    let (partition, slot) = place;
    let name = capital(chronicle.name(node));
    let since = chronicle.healed().unwrap_or_default();
    let mine = |deed: &Deed| {
        // A read of events names no group, but a worker has only one.
        let own = deed.request.group().is_none() || deed.is_about(key);
        deed.node == node && own && deed.request.partition() == partition
    };
    let Some(last) = chronicle.last(mine) else {
        return format!("{name} has never asked for anything on this partition.");
    };
    if last.at < since {
        return format!(
            "{name} has asked for nothing on this partition since trouble ended: it last {}.",
            request_and_reply(last)
        );
    }
    let read = chronicle
        .last(|deed| mine(deed) && deed.page(partition).is_some_and(|(after, _)| after < *slot));
    let Some(read) = read else {
        return format!("{name} has never read slot {slot}: it last {}.", request_and_reply(last));
    };
    let saw = match &read.reply {
        Some(Reply::Page(page)) if page.last().is_none() => "found nothing there".to_owned(),
        Some(Reply::Page(page)) if page.seen(*slot) == Seen::Nothing => {
            "was not shown it".to_owned()
        }
        Some(_) | None => "the store showed it".to_owned(),
    };
    let reads =
        chronicle.count(|deed| mine(deed) && deed.at >= since && deed.page(partition).is_some());
    let read = format!("{name} read slot {slot} last at {} and {saw}", seconds(read.at));
    if last.page(partition).is_some() {
        format!("{read}; it has read this partition {reads} times since trouble ended.")
    } else {
        format!("{read}; it last {}.", request_and_reply(last))
    }
}
