//! Measurements and decisions as a table.

use std::collections::BTreeMap;

use comfy_table::{Cell, Table};
use gapless::Look;
use gapless::scale::{Following, Measured, Traffic, Window};
use serde_json::{Value, json};

use crate::report::table;

/// A line for each open partition.
pub fn drawn(look: &Look) -> Table {
    let mut table =
        table::plain(vec!["partition", "2 min", "5 min", "10 min", "lag", "decision", "why"]);
    for decision in &look.decisions {
        let measured = look.readings.open.get(&decision.partition);
        let mut cells = vec![Cell::new(&decision.partition)];
        cells.extend(Window::ALL.map(|window| {
            let average = measured.and_then(|it| it.averages.over(window));
            Cell::new(average.map_or("-".to_owned(), |it| Traffic::weight(it).to_string()))
        }));
        cells.push(Cell::new(measured.map_or(0, most_lag)));
        cells.push(Cell::new(decision.choice.name()));
        cells.push(Cell::new(decision));
        table.add_row(cells);
    }
    table::right(&mut table, &[1, 2, 3, 4]);
    table
}

/// The lag of the group that lags most, of those that have begun the partition.
fn most_lag(measured: &Measured) -> u64 {
    let lags = measured.followers.iter().map(|follower| match follower.following {
        Following::NotBegun => 0,
        Following::Begun { lag, .. } => lag,
    });
    lags.max().unwrap_or(0)
}

/// How far each group is, for machines.
pub fn groups(measured: &Measured) -> BTreeMap<&str, Value> {
    let told = |following: Following| match following {
        Following::NotBegun => json!({ "begun": false }),
        Following::Begun { lag, behind, pace } => {
            let finished = pace.map(|pace| pace.finished);
            let before = pace.map(|pace| pace.lag_before);
            json!({
                "begun": true,
                "lag": lag,
                "behind-seconds": behind.as_secs(),
                "finished": finished,
                "lag-before": before,
            })
        }
    };
    measured.followers.iter().map(|it| (it.group.as_str(), told(it.following))).collect()
}
