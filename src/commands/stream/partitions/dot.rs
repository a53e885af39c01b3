//! The lineage as a graph, in Graphviz's language.

use std::fmt::Write as _;

use super::rows::Row;

/// A digraph from parents to children.
pub fn digraph(rows: &[Row<'_>], unread: &[String]) -> String {
    let mut text = "digraph partitions {\n  node [shape=box];\n".to_owned();
    for row in rows {
        let name = quoted(row.partition.as_str());
        let mut label = format!("{name}\\nhead {}, {}", row.member.head, row.state.name());
        if let Some(rate) = row.slots_per_second {
            let _ = write!(label, "\\n{rate:.1} slots/s");
        }
        for (group, progress) in &row.groups {
            let group = quoted(group.as_str());
            let _ = write!(label, "\\n{group}: {}, lag {}", progress.name(), progress.lag);
        }
        let _ = writeln!(text, "  \"{name}\" [label=\"{label}\"];");
    }
    for row in rows {
        for child in &row.member.children {
            let (parent, child) = (quoted(row.partition.as_str()), quoted(child.as_str()));
            let _ = writeln!(text, "  \"{parent}\" -> \"{child}\";");
        }
    }
    for why in unread {
        let _ = writeln!(text, "  // cannot be read: {}", why.replace(['\n', '\r'], " "));
    }
    text.push_str("}\n");
    text
}

/// A name between quotation marks.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use gapless::{Member, PartitionId};

    use super::*;
    use crate::commands::stream::partitions::rows::State;

    #[test]
    fn a_key_with_a_quotation_mark_breaks_no_graph() {
        let partition = PartitionId::of_key(0, "say \"a\\b\"");
        let (member, state) = (&Member::default(), State::Open);
        let groups = Default::default();
        let row =
            Row { partition: &partition, depth: 0, state, member, slots_per_second: None, groups };
        let text = digraph(&[row], &["two\nlines".to_owned()]);
        assert!(text.contains(r#":say \"a\\b\"" [label="#), "{text}");
        assert!(text.contains("// cannot be read: two lines\n"), "{text}");
    }
}
