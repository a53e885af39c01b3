//! The answers to eventually consistent reads: each item is one of its versions, as a replica or an
//! index has it that is behind the table.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::history::{History, key_of};
use crate::decode::Source;
use crate::plan::{Dice, Millis};

/// How far what a read is shown is behind the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lag {
    pub(super) by: Millis,
    /// Whether each item is behind on its own, and half of them not at all. Otherwise all are
    /// behind alike.
    pub(super) each: bool,
}

impl Lag {
    fn draw(self, dice: &mut Dice) -> Millis {
        match (self.each, dice.percent(50), dice.between(1, self.by.0.max(1))) {
            (false, _, _) => self.by,
            (true, true, by) => Millis(by),
            (true, false, _) => Millis(0),
        }
    }
}

/// The call that a replica is asked, so that it can leave items out: a page from the end must be
/// filled with what it does have.
pub(super) fn asked(call: &Value) -> Cow<'_, Value> {
    let mut asked = Cow::Borrowed(call);
    if call["ScanIndexForward"] == false
        && let Some(parts) = Cow::to_mut(&mut asked).as_object_mut()
    {
        parts.remove("Limit");
    }
    asked
}

/// A replica that answers one read.
pub(super) struct Replica<'a> {
    pub(super) history: &'a History,
    pub(super) source: Source,
    pub(super) lag: Lag,
    pub(super) now: Millis,
    pub(super) dice: Dice,
}

impl Replica<'_> {
    /// Changes the table's answer into that of the replica.
    pub(super) fn answer(mut self, operation: &str, call: &Value, answer: &mut Value) {
        match operation {
            "GetItem" => self.answer_one(answer),
            "BatchGetItem" => {
                let tables = answer["Responses"].as_object_mut().into_iter().flatten();
                for (table, items) in tables {
                    let wanted = &call["RequestItems"][table];
                    if let Some(items) = items.as_array_mut() {
                        items.retain_mut(|item| self.backdate(item, projection(wanted)));
                    }
                }
            }
            _ => self.answer_page(call, answer),
        }
    }

    fn answer_one(&mut self, answer: &mut Value) {
        let shown = answer.get_mut("Item").is_none_or(|item| self.backdate(item, None));
        if !shown {
            *answer = json!({});
        }
    }

    fn answer_page(&mut self, call: &Value, answer: &mut Value) {
        let Some(items) = answer["Items"].as_array_mut() else { return };
        items.retain_mut(|item| self.backdate(item, None));
        let most = call["Limit"].as_u64().unwrap_or(u64::MAX);
        let more = items.len() as u64 > most;
        items.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        let last = items.last().filter(|_| more).and_then(|item| key_of(self.source, item));
        let count = items.len();
        if let Some(last) = last {
            answer["LastEvaluatedKey"] = last;
        }
        (answer["Count"], answer["ScannedCount"]) = (count.into(), count.into());
    }

    /// Replaces an item by an older version of it, with the attributes of a projection; returns
    /// false if there was none.
    fn backdate(&mut self, item: &mut Value, projected: Option<Vec<String>>) -> bool {
        let by = self.lag.draw(&mut self.dice);
        let Some(key) = key_of(self.source, item).filter(|_| by > Millis(0)) else { return true };
        let Some(old) = self.history.as_of(self.source, &key, self.now.minus(by)) else {
            return false;
        };
        if self.source == Source::Index {
            // An entry has keys alone, and those don't change.
            return old.get("bucket").is_some();
        }
        *item = old.clone();
        if let (Some(projected), Some(parts)) = (projected, item.as_object_mut()) {
            parts.retain(|name, _| projected.contains(name));
        }
        true
    }
}

/// The attributes that a call asks for; nothing if it asks for all.
fn projection(wanted: &Value) -> Option<Vec<String>> {
    let names = &wanted["ExpressionAttributeNames"];
    let name = |name: &str| names[name].as_str().unwrap_or(name).to_owned();
    let asked = wanted["ProjectionExpression"].as_str()?;
    Some(asked.split(',').map(|part| name(part.trim())).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn slot(number: u64) -> Value {
        json!({ "partitionId": { "S": "p" }, "sequenceNumber": { "N": number.to_string() } })
    }

    fn head(partition: u64, head: u64) -> Value {
        json!({
            "partitionId": { "S": format!("p{partition}") },
            "sequenceNumber": { "N": head.to_string() },
            "bucket": { "S": "0" },
        })
    }

    fn replica(history: &History, source: Source, lag: Lag, seed: u64) -> Replica<'_> {
        Replica { history, source, lag, now: Millis(1_000), dice: Dice::new(seed) }
    }

    fn record(history: &mut History, source: Source, item: Value, at: u64) {
        let key = key_of(source, &item).expect("it has a key");
        history.record(source, &key, Some(item), Millis(at));
    }

    #[test]
    fn a_tail_that_lags_is_the_last_slot_of_that_time() {
        let mut history = History::default();
        for number in 1..=3 {
            record(&mut history, Source::Events, slot(number), number * 300);
        }
        let call = json!({ "TableName": "events", "ScanIndexForward": false, "Limit": 1 });
        assert_eq!(asked(&call).get("Limit"), None);
        let mut answer = json!({ "Items": [slot(3), slot(2), slot(1)], "Count": 3 });
        let lag = Lag { by: Millis(150), each: false };
        replica(&history, Source::Events, lag, 1).answer("Query", &call, &mut answer);
        assert_eq!(answer["Items"], json!([slot(2)]));
        assert_eq!((&answer["Count"], &answer["LastEvaluatedKey"]), (&json!(1), &slot(2)));
    }

    #[test]
    fn items_of_one_answer_are_behind_each_on_its_own() {
        let mut history = History::default();
        let latest: Vec<Value> = (0..3).map(|partition| head(partition, 9)).collect();
        for (at, number) in [(100, 1), (500, 5), (900, 9)] {
            for partition in 0..3 {
                record(&mut history, Source::Partitions, head(partition, number), at);
            }
        }
        let wanted = json!({
            "ProjectionExpression": "#partition, #head",
            "ExpressionAttributeNames": { "#partition": "partitionId", "#head": "sequenceNumber" },
        });
        let call = json!({ "RequestItems": { "t": wanted } });
        let shown = |seed: u64, each: bool| -> Vec<u64> {
            let mut answer = json!({ "Responses": { "t": latest } });
            let lag = Lag { by: Millis(600), each };
            replica(&history, Source::Partitions, lag, seed).answer(
                "BatchGetItem",
                &call,
                &mut answer,
            );
            let items = answer["Responses"]["t"].as_array().cloned().unwrap_or_default();
            assert!(
                items
                    .iter()
                    .all(|item| item["sequenceNumber"]["N"] == "9" || item.get("bucket").is_none())
            );
            let number = |item: &Value| item["sequenceNumber"]["N"].as_str()?.parse().ok();
            items.iter().filter_map(number).collect()
        };
        assert_eq!(shown(1, false), [1, 1, 1]);
        // Each of the three has each of its versions beside each of the others'.
        let answers: BTreeSet<Vec<u64>> = (0..2_000).map(|seed| shown(seed, true)).collect();
        assert_eq!(answers.len(), 27, "{answers:?}");
    }

    #[test]
    fn what_did_not_exist_yet_is_not_shown() {
        let mut history = History::default();
        record(&mut history, Source::Partitions, head(0, 1), 950);
        let lag = Lag { by: Millis(100), each: false };
        let mut item = json!({ "Item": head(0, 1) });
        replica(&history, Source::Partitions, lag, 1).answer("GetItem", &json!({}), &mut item);
        assert_eq!(item, json!({}));
        let mut index = json!({ "Items": [head(0, 1)] });
        replica(&history, Source::Index, lag, 1).answer("Query", &json!({}), &mut index);
        assert_eq!(index["Items"], json!([]));
    }
}
