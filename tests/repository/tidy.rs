//! Small rules about what is committed: tags on the lines that enforce an invariant, links and
//! numbers that lead somewhere, files of a readable length, and nobody's home directory.

use std::collections::{BTreeMap, BTreeSet};

use gapless_model::{Invariant, Mutant};

use crate::markdown::{headings, links, resolved};
use crate::source::{committed, scan};

/// Who keeps an invariant.
enum Keeper {
    /// A condition of a request. It is specified in `model/src/store/` and sent by
    /// `impl/src/wire/`, and both carry the tag.
    Store,
    /// The machines alone: the tag is in the folders of appending or of consuming.
    Machine,
}

/// Who keeps each invariant, and why.
const fn keeper(invariant: Invariant) -> (Keeper, &'static str) {
    match invariant {
        Invariant::S1 => (Keeper::Store, "a slot is written on condition that it is empty"),
        Invariant::S2 => (Keeper::Store, "a raise demands the record that its producer saw"),
        Invariant::S3 => (Keeper::Store, "one counter gives out every number, once and upwards"),
        Invariant::S4 => (Keeper::Store, "a raise demands the head that its append expects"),
        Invariant::D1 => (Keeper::Machine, "what is delivered is what a page shows as events"),
        Invariant::D2 => (Keeper::Machine, "a turn reads on from behind what it has delivered"),
        Invariant::D3 => (Keeper::Machine, "a turn stops at a number that nobody has written yet"),
        Invariant::L1 => (Keeper::Store, "whoever takes a lease raises its epoch in that write"),
        Invariant::L2 => (Keeper::Store, "a lease that has not ended is not to be had"),
        Invariant::L3 => (Keeper::Store, "a checkpoint demands the epoch, and a lower checkpoint"),
        Invariant::P1 => (Keeper::Machine, "a gap is voided after its grace, and a trigger kept"),
    }
}

/// The folders of which one must have the tag, for each place that must have it.
fn places(keeper: &Keeper) -> &'static [&'static [&'static str]] {
    match keeper {
        Keeper::Store => &[&["model/src/store/"], &["impl/src/wire/"]],
        Keeper::Machine => {
            &[&["model/src/append/", "model/src/consume/", "impl/src/append/", "impl/src/consume/"]]
        }
    }
}

/// The sources of the four crates.
const SOURCES: [&str; 4] = ["model/src/", "impl/src/", "sim/src/", "src/"];
/// The failures seen in the field.
const SCENARIOS: &str = "docs/scenarios.md";
/// A file is one idea, and one idea has seldom more lines than this.
const MOST_LINES: usize = 500;

/// What is committed: each file's path, and its text.
type Files = [(String, String)];

/// Where each tag stands: by the name it gives, the files and lines.
fn tags(files: &Files) -> BTreeMap<String, Vec<(&str, usize)>> {
    let mut tags: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| is_source(file)) {
        for comment in scan(text).comments {
            for name in tagged(comment.text) {
                tags.entry(name.to_owned()).or_default().push((file, comment.line));
            }
        }
    }
    tags
}

fn is_source(file: &str) -> bool {
    file.ends_with(".rs") && SOURCES.iter().any(|folder| file.starts_with(folder))
}

/// The names in a comment such as `// L3: forward only.` or `// L1, L2: …`; no doc comment is a tag.
fn tagged(comment: &str) -> Vec<&str> {
    let body = comment.strip_prefix("// ").and_then(|body| body.split_once(": "));
    let Some((names, _)) = body else { return Vec::new() };
    let names: Vec<_> = names.split(", ").collect();
    let is_name = |name: &&str| {
        let (letter, digits) = name.split_at(name.len().min(1));
        letter.chars().all(|c| c.is_ascii_uppercase())
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_ascii_digit())
    };
    if names.iter().all(is_name) { names } else { Vec::new() }
}

fn untagged(files: &Files) -> Vec<String> {
    let tags = tags(files);
    let mut faults = Vec::new();
    for &invariant in Invariant::ALL {
        let (keeper, why) = keeper(invariant);
        let found = tags.get(invariant.name()).map_or(&[][..], Vec::as_slice);
        for folders in places(&keeper) {
            let is_there = |folder: &&str| found.iter().any(|(file, _)| file.starts_with(*folder));
            if !folders.iter().any(is_there) {
                let folders = folders.join(" or ");
                faults.push(format!(
                    "no line in {folders} carries `// {invariant}: …`, though {why}"
                ));
            }
        }
    }
    for (name, places) in tags.iter().filter(|(name, _)| Invariant::named(name).is_none()) {
        let at = places.iter().map(|(file, line)| format!("{file}:{line}"));
        faults
            .push(format!("{}: no invariant is called {name}", at.collect::<Vec<_>>().join(", ")));
    }
    faults
}

/// `docs/invariants.md` has a row for each invariant. A link in it that names a line of a file with
/// that invariant's tags names such a line.
fn unexplained(files: &Files) -> Vec<String> {
    const PAGE: &str = "docs/invariants.md";
    let page = files.iter().find(|(file, _)| file == PAGE).map_or("", |(_, text)| text.as_str());
    let tags = tags(files);
    let mut faults = Vec::new();
    for invariant in Invariant::ALL {
        let Some((place, row)) = page.lines().enumerate().find(|(_, line)| is_row(line, invariant))
        else {
            faults.push(format!("{PAGE} has no row for {invariant}"));
            continue;
        };
        let tagged = tags.get(invariant.name()).map_or(&[][..], Vec::as_slice);
        for (_, link) in links(row) {
            let Some((file, line)) = link.split_once("#L") else { continue };
            let file = resolved(PAGE, file);
            let lines: Vec<_> = tagged
                .iter()
                .filter(|(tagged, _)| *tagged == file)
                .map(|(_, line)| *line)
                .collect();
            if !lines.is_empty() && !lines.iter().any(|known| known.to_string() == line) {
                faults.push(format!(
                    "{PAGE}:{}: {link} is not where {file} has the tag {invariant}: lines {lines:?}",
                    place + 1
                ));
            }
        }
    }
    faults
}

fn is_row(line: &str, invariant: &Invariant) -> bool {
    let first = line.trim_start().strip_prefix('|').and_then(|row| row.split('|').next());
    let mut words = first.unwrap_or_default().split(|c: char| !c.is_alphanumeric());
    words.any(|word| word == invariant.name())
}

/// Links of Markdown texts, or pictures, that lead to no committed file, or to no heading of it.
fn dead_links(files: &Files) -> Vec<String> {
    let names: BTreeSet<_> = files.iter().map(|(file, _)| file.as_str()).collect();
    let is_there = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || names.contains(path)
            || names.iter().any(|name| name.starts_with(&folder))
    };
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".md")) {
        for (line, link) in links(text) {
            // Other sites, and items in a text that rustdoc shows.
            if link.contains("://") || link.starts_with("mailto:") || link.contains("::") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { file.clone() } else { resolved(file, path) };
            if !is_there(&path) {
                faults.push(format!("{file}:{line}: {link} leads to no committed file"));
                continue;
            }
            let target = files.iter().find(|(name, _)| *name == path && name.ends_with(".md"));
            let Some((_, target)) = target.filter(|_| !heading.is_empty()) else { continue };
            if !headings(target).contains(&heading.to_owned()) {
                faults.push(format!("{file}:{line}: {path} has no heading for #{heading}"));
            }
        }
    }
    faults
}

/// Scenarios that are cited by a number which `docs/scenarios.md` gives no row or heading.
fn unknown_scenarios(files: &Files) -> Vec<String> {
    let page =
        files.iter().find(|(file, _)| file == SCENARIOS).map_or("", |(_, text)| text.as_str());
    let heads = page.lines().filter(|line| line.starts_with(['|', '#'])).map(|line| {
        let head = line.trim_matches('|').split('|').next().unwrap_or_default();
        head.split(|c: char| !c.is_ascii_digit())
    });
    let known: BTreeSet<_> = heads.flatten().collect();
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file != SCENARIOS) {
        for (index, line) in text.lines().enumerate() {
            for cited in line.split("scenario ").skip(1) {
                let number = cited.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                if !number.is_empty() && !known.contains(number) {
                    faults.push(format!(
                        "{file}:{}: {SCENARIOS} has no scenario {number}",
                        index + 1
                    ));
                }
            }
        }
    }
    faults
}

/// Mutants that reproduce a scenario, and are not named in its section of `docs/scenarios.md`.
fn unnamed_mutants(files: &Files, mutants: &[Mutant]) -> Vec<String> {
    let page = files.iter().find(|(file, _)| file == SCENARIOS).map_or("", |(_, text)| text);
    let names = |scenario: u8, mutant: &str| {
        let mut sections = page.split("\n## ");
        let section = sections.find(|section| section.starts_with(&format!("{scenario}:")));
        section.is_some_and(|section| section.contains(&format!("`{mutant}`")))
    };
    let unnamed = mutants.iter().filter_map(|mutant| {
        let (scenario, name) = (mutant.scenario()?, mutant.name());
        (!names(scenario, name))
            .then(|| format!("{SCENARIOS}: scenario {scenario} does not name the mutant `{name}`"))
    });
    unnamed.collect()
}

fn too_long(files: &Files) -> Vec<String> {
    let sources = files.iter().filter(|(file, _)| is_source(file));
    let long = sources.filter(|(_, text)| text.lines().count() > MOST_LINES);
    long.map(|(file, text)| {
        let lines = text.lines().count();
        format!("{file} has {lines} lines, and {MOST_LINES} are the most: it holds two ideas")
    })
    .collect()
}

/// Paths of somebody's machine.
fn at_home(files: &Files) -> Vec<String> {
    let begins = ["home", "root", "work", "Users"].map(|folder| format!("/{folder}/"));
    let mut faults = Vec::new();
    for (file, text) in files {
        for (index, line) in text.lines().enumerate() {
            let found = begins.iter().find(|begin| {
                line.match_indices(begin.as_str()).any(|(at, _)| begins_a_path(&line[..at]))
            });
            if let Some(begin) = found {
                faults.push(format!("{file}:{}: a path below {begin}", index + 1));
            }
        }
    }
    faults
}

/// Whether a path that stands behind this text begins there, and does not go on.
fn begins_a_path(before: &str) -> bool {
    let last = before.chars().next_back();
    !last.is_some_and(|c| c.is_alphanumeric() || ['_', '-', '.', '/', '}', ')', '~'].contains(&c))
}

fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn enforcing_lines_are_tagged() {
    assert_none("every invariant is tagged where it is enforced", &untagged(&committed()));
}

#[test]
fn invariants_are_explained() {
    assert_none("every invariant has its row, and its links are right", &unexplained(&committed()));
}

#[test]
fn links_lead_somewhere() {
    assert_none("every relative link leads to a committed file", &dead_links(&committed()));
}

#[test]
fn scenarios_are_explained() {
    assert_none("every scenario that is cited is explained", &unknown_scenarios(&committed()));
    let unnamed = unnamed_mutants(&committed(), Mutant::ALL);
    assert_none("every scenario names its mutants", &unnamed);
}

#[test]
fn files_are_short() {
    assert_none("a file is one idea", &too_long(&committed()));
}

#[test]
fn nothing_is_at_home() {
    assert_none("nothing committed knows a machine", &at_home(&committed()));
}

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_missing_tag_and_one_that_names_nothing_are_found() {
    let all = "// S1, S2, S3, S4, D1, D2, D3: a\nfn f() {} // L1, L2, L3: b\n// P1: c\n";
    let good = [
        ("model/src/store/a.rs", all),
        ("impl/src/wire/b.rs", all),
        ("model/src/consume/c.rs", all),
    ];
    assert_eq!(untagged(&files(&good)), [""; 0]);
    // A doc comment, a text, and a comment that goes on about it are no tags.
    let none =
        "/// L3: a\nconst A: &str = \"// L3: a\";\n// As L3: says.\n// S1, S2, S3, S4, L1, L2: b";
    let without = [good[0], ("impl/src/wire/b.rs", none), good[2]];
    let found = untagged(&files(&without));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("no line in impl/src/wire/ carries `// L3: …`"), "{found:?}");
    let unmade = [good[0], good[1]];
    assert_eq!(untagged(&files(&unmade)).len(), 4);
    let unknown = [good[0], good[1], good[2], ("sim/src/d.rs", "\n// L3, L9: a")];
    assert_eq!(untagged(&files(&unknown)), ["sim/src/d.rs:2: no invariant is called L9"]);
}

#[test]
fn an_invariant_without_a_row_and_a_wrong_line_are_found() {
    let row = |invariant: &Invariant| format!("| **{invariant}** | [it](../model/src/a.rs#L2) |\n");
    let rows: String = Invariant::ALL.iter().map(row).collect();
    let source = "\n// L3: a\n";
    let good = [("docs/invariants.md", rows.as_str()), ("model/src/a.rs", source)];
    assert_eq!(unexplained(&files(&good)), [""; 0]);
    let without = rows.replace("**P1**", "**Q1**");
    let found = unexplained(&files(&[("docs/invariants.md", without.as_str()), good[1]]));
    assert_eq!(found, ["docs/invariants.md has no row for P1"]);
    let moved = unexplained(&files(&[good[0], ("model/src/a.rs", "// L3: a")]));
    assert!(moved.len() == 1 && moved[0].contains("the tag L3: lines [1]"), "{moved:?}");
}

#[test]
fn a_dead_link_is_found() {
    let good = "[a](docs/b.md) [`b`](./docs/b.md#one-two) <a href=\"docs\"></a> [c](#top) [d][e]\n\
        # Top\n[e]: ../x/LICENSE\n`[f](g)` [h](https://i/j) [k](Stream::read)\n```\n[l](m)\n```\n";
    let docs = ("x/docs/b.md", "# `One`, two\n![p](../LICENSE)");
    let tree = |readme: &str| files(&[("x/README.md", readme), docs, ("x/LICENSE", "")]);
    assert_eq!(dead_links(&tree(good)), [""; 0]);
    let bad = "[a](b.md)\n[`c`](docs/b.md#three) [d](#none)\n[e]: nowhere\n";
    assert_eq!(
        dead_links(&tree(bad)),
        [
            "x/README.md:1: b.md leads to no committed file",
            "x/README.md:2: x/docs/b.md has no heading for #three",
            "x/README.md:2: x/README.md has no heading for #none",
            "x/README.md:3: nowhere leads to no committed file",
        ]
    );
}

#[test]
fn an_unknown_scenario_is_found() {
    let page = ("docs/scenarios.md", "# 1. A late write\n| 2 | a gap |\n3");
    let cites = |number: u8| format!("a test\n// as in scenario {number}, and a scenario of ours");
    let found = |number| unknown_scenarios(&files(&[page, ("a.rs", &cites(number))]));
    assert_eq!((found(1), found(2)), (vec![], vec![]));
    assert_eq!(found(3), [format!("a.rs:2: {} has no scenario {}", page.0, 3)]);
}

#[test]
fn a_mutant_that_its_scenario_does_not_name_is_found() {
    let page = ("docs/scenarios.md", "# S\n## 1: A\n`blind-writes`\n## 2: B\n`blind-voids`\n");
    let mutants = [Mutant::BlindWrites, Mutant::BlindVoids, Mutant::VoidsHidden];
    let found = unnamed_mutants(&files(&[page]), &mutants);
    assert!(found.len() == 1 && found[0].ends_with("the mutant `blind-voids`"), "{found:?}");
}

#[test]
fn a_long_file_is_found() {
    let (most, more) = ("\n".repeat(MOST_LINES), "\n".repeat(MOST_LINES + 1));
    let tree = files(&[("src/a.rs", &most), ("src/b.rs", &more), ("tests/c.rs", &more)]);
    let found = too_long(&tree);
    assert!(found.len() == 1 && found[0].starts_with("src/b.rs has 501 lines"), "{found:?}");
}

#[test]
fn a_path_of_a_machine_is_found() {
    let home = format!("see /{}/me/notes", "home");
    let tree =
        files(&[("a.md", &home), ("b.md", "https://b.example/home/x ./work/y target/work/z")]);
    assert_eq!(at_home(&tree), [format!("a.md:1: a path below /{}/", "home")]);
}
