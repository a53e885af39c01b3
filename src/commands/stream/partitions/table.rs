//! The lineage as a table.

use comfy_table::{Cell, Table};
use gapless::{Group, PartitionId};

use super::rows::Row;
use crate::report::table;

/// A line for each partition, below what it came of.
pub fn drawn<'a>(
    rows: &[Row<'_>],
    has_rates: bool,
    groups: impl Iterator<Item = &'a Group>,
) -> Table {
    let mut header = vec!["partition", "head"];
    header.extend(has_rates.then_some("slots/s"));
    header.push("state");
    let mut numbers: Vec<_> = (1..header.len() - 1).collect();
    for group in groups {
        header.extend([group.as_str(), "lag"]);
        numbers.push(header.len() - 1);
    }
    let mut table = table::plain(header);
    for row in rows {
        let mut cells = vec![Cell::new(name(row)), Cell::new(row.member.head)];
        cells.extend(row.slots_per_second.map(|rate| Cell::new(format!("{rate:.1}"))));
        cells.push(Cell::new(row.state.name()));
        for progress in row.groups.values() {
            cells.extend([Cell::new(progress.name()), Cell::new(progress.lag)]);
        }
        table.add_row(cells);
    }
    table::right(&mut table, &numbers);
    table
}

/// A partition's name, indented, with what was merged into it.
fn name(row: &Row<'_>) -> String {
    let (indent, partition) = ("  ".repeat(row.depth.into()), row.partition);
    match row.member.parents.as_slice() {
        [] | [_] => format!("{indent}{partition}"),
        parents => {
            let parents = parents.iter().map(PartitionId::as_str).collect::<Vec<_>>().join(", ");
            format!("{indent}{partition} ← {parents}")
        }
    }
}
