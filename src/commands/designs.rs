//! `gapless designs`: the design space, listed.

use std::io::{Write as _, stdout};

use comfy_table::{Cell, Table};
use gapless_model::design::{AXES, Design, all, named, to_toml};

use super::unknown;
use crate::cli::{DesignsArgs, DesignsCommand};
use crate::failure::Failure;
use crate::report::table::plain;
use crate::status::Status;

/// Lists axes and designs, or prints one design.
pub fn run(args: &DesignsArgs) -> Result<Status, Failure> {
    let mut out = stdout().lock();
    match &args.show {
        Some(DesignsCommand::Show { name }) => {
            let known = named(name).ok_or_else(|| Failure::Usage {
                what: format!("there is no design `{name}`"),
                help: "`gapless designs` lists the named designs".to_owned(),
            })?;
            let base = if known.design == Design::SEED { known.name } else { "recommended" };
            let base = named(base).ok_or_else(|| unknown(base))?;
            writeln!(out, "# {}: {}", known.name, known.about)?;
            write!(out, "{}", to_toml(base, &known.design))?;
        }
        None => {
            writeln!(out, "Axes (-: the first draft's choice, *: the recommended choice)\n")?;
            writeln!(out, "{}\n\nNamed designs\n\n{}", axes(), designs())?;
        }
    }
    Ok(Status::Holds)
}

fn axes() -> Table {
    let mut table = plain(["axis", "", "value", "effect"]);
    for axis in AXES {
        for (index, value) in axis.values.iter().enumerate() {
            let seed = axis.of(&Design::SEED).name == value.name;
            let recommended = axis.of(&Design::RECOMMENDED).name == value.name;
            let mark = match (seed, recommended) {
                (true, true) => "-*",
                (true, false) => "-",
                (false, true) => " *",
                (false, false) => "",
            };
            let name = if index == 0 { axis.name } else { "" };
            table.add_row([name, mark, value.name, value.doc.trim()].map(Cell::new));
        }
    }
    table
}

fn designs() -> Table {
    let mut table = plain(["design", "declared", "description"]);
    for known in all() {
        let breaks: Vec<_> = known.breaks.iter().map(|invariant| invariant.name()).collect();
        let declared = if breaks.is_empty() {
            "holds".to_owned()
        } else {
            format!("breaks {}", breaks.join(" "))
        };
        table.add_row([known.name, &declared, known.about].map(Cell::new));
    }
    table
}
