//! What became of the faults.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::fault::{Fault, Kind};

/// What became of one fault.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Fate {
    /// A check noticed it.
    Noticed {
        /// Which.
        check: &'static str,
        /// What it said.
        how: String,
    },
    /// Nothing noticed it, and it is known that nothing can.
    Harmless {
        /// Why.
        why: String,
    },
    /// Nothing noticed it.
    Survived,
}

impl Fate {
    /// Who noticed it.
    pub fn column(&self) -> &'static str {
        match self {
            Fate::Noticed { check, .. } => check,
            Fate::Harmless { .. } => "harmless",
            Fate::Survived => "nothing",
        }
    }
}

/// One line for a fault whose fate is known.
pub fn line(out: &mut impl Write, fault: &Fault, fate: &Fate, seconds: f64) -> io::Result<()> {
    let said = match fate {
        Fate::Noticed { how, .. } => how.as_str(),
        Fate::Harmless { why } => why.as_str(),
        Fate::Survived => "",
    };
    let who = if matches!(fate, Fate::Survived) { "SURVIVED" } else { fate.column() };
    let mut text = format!("{:>5} {seconds:>6.1} s  {who:<17}  {}\n", fault.id, fault.says());
    if !said.is_empty() {
        text += &format!("{:33}{said}\n", "");
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// How many of each kind and of each file were noticed by what.
pub fn tables(out: &mut impl Write, fates: &[(&Fault, Fate)]) -> io::Result<()> {
    let mut columns: Vec<&str> = Vec::new();
    for (_, fate) in fates {
        if !columns.contains(&fate.column()) {
            columns.push(fate.column());
        }
    }
    columns.sort_by_key(|name| (["harmless", "nothing"].contains(name), *name));
    let by_file = |fault: &Fault| fault.file.clone();
    let by_kind = |fault: &Fault| Kind::name(fault.kind).to_owned();
    table(out, "file", &columns, fates, &by_file)?;
    table(out, "kind", &columns, fates, &by_kind)
}

fn table(
    out: &mut impl Write,
    title: &str,
    columns: &[&str],
    fates: &[(&Fault, Fate)],
    row: &dyn Fn(&Fault) -> String,
) -> io::Result<()> {
    let mut counts: BTreeMap<String, BTreeMap<&str, u32>> = BTreeMap::new();
    for (fault, fate) in fates {
        for name in [row(fault), "in all".to_owned()] {
            *counts.entry(name).or_default().entry(fate.column()).or_default() += 1;
        }
    }
    let last = "in all".to_owned();
    let sum = counts.remove(&last);
    let width = counts.keys().map(String::len).max().unwrap_or(0).max(title.len());
    write!(out, "\n{title:<width$}")?;
    for column in columns {
        write!(out, "  {column}")?;
    }
    writeln!(out)?;
    for (name, count) in counts.iter().chain(sum.as_ref().map(|sum| (&last, sum))) {
        write!(out, "{name:<width$}")?;
        for column in columns {
            let number = count.get(column).map_or(String::new(), u32::to_string);
            write!(out, "  {number:>0$}", column.len())?;
        }
        writeln!(out)?;
    }
    Ok(())
}
