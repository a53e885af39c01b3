//! Small rules about what is committed: links, names and numbers that lead somewhere, files of a
//! readable length, and no path of a home directory.

use std::collections::BTreeSet;

use gapless_model::Mutant;

use crate::committed::{Files, assert_none, committed, files, text_of};
use crate::markdown::{headings, links, names, resolved, section, undefined};

/// The failures seen in the field.
const SCENARIOS: &str = "docs/scenarios.md";
/// The one file of the production crate that may draw from the generator in the process.
const JITTER: &str = "impl/src/vocabulary/clock.rs";
/// A file is one idea, and one idea has seldom more lines than this.
const MOST_LINES: usize = 500;

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
            let target = files.iter().find(|(name, _)| *name == path);
            let Some((_, target)) = target.filter(|_| !heading.is_empty()) else { continue };
            if path.ends_with(".md") {
                if !headings(target).contains(&heading.to_owned()) {
                    faults.push(format!("{file}:{line}: {path} has no heading for #{heading}"));
                }
            } else if last_line(heading).is_none_or(|last| last > target.lines().count()) {
                faults.push(format!("{file}:{line}: {path} has no line for #{heading}"));
            }
        }
        for (line, name) in undefined(text) {
            faults.push(format!("{file}:{line}: [{name}] is defined nowhere in this file"));
        }
    }
    faults
}

/// The last line that an anchor such as `L3` or `L3-L9` shows.
fn last_line(anchor: &str) -> Option<usize> {
    anchor.split('-').map(|line| line.strip_prefix('L')?.parse().ok()).next_back()?
}

/// Names such as `one_of_a_function` in Markdown texts that stand nowhere in the code, and those of
/// sources that are not there. What the changelog names may be gone.
fn unknown_names(files: &Files) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let others = files.iter().filter(|(file, _)| !file.ends_with(".md"));
    let known: BTreeSet<_> = others.flat_map(|(_, text)| text.split(|c| !is_word(c))).collect();
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".md")) {
        if file == "CHANGELOG.md" {
            continue;
        }
        let is_file =
            |name: &str| name.ends_with(".rs") && files.iter().any(|f| f.0.ends_with(name));
        let unknown =
            names(text).into_iter().filter(|(_, name)| !known.contains(name) && !is_file(name));
        faults.extend(unknown.map(|(line, name)| format!("{file}:{line}: there is no `{name}`")));
    }
    faults
}

/// Scenarios that are cited by a number which `docs/scenarios.md` gives no row or heading.
fn unknown_scenarios(files: &Files) -> Vec<String> {
    let page = text_of(files, SCENARIOS);
    let heads = page.lines().filter(|line| line.starts_with(['|', '#'])).map(|line| {
        let head = line.trim_matches('|').split('|').next().unwrap_or_default();
        head.split(|c: char| !c.is_ascii_digit())
    });
    let known: BTreeSet<_> = heads.flatten().collect();
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file != SCENARIOS) {
        for (index, line) in text.lines().enumerate() {
            let unknown = cited(line).into_iter().filter(|number| !known.contains(number));
            faults.extend(unknown.map(|number| {
                format!("{file}:{}: {SCENARIOS} has no scenario {number}", index + 1)
            }));
        }
    }
    faults
}

/// The numbers that a line cites, as in "scenario 3" or "scenarios 4, 5 and 11 to 15".
fn cited(line: &str) -> Vec<&str> {
    let mut numbers = Vec::new();
    for cited in line.split("cenario").skip(1) {
        let list = cited.strip_prefix('s').unwrap_or(cited);
        let Some(list) = list.strip_prefix(' ') else { continue };
        for word in list.split(' ') {
            let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
            match &word[..end] {
                "" if ["and", "or", "to"].contains(&word) => {}
                "" => break,
                number => numbers.push(number),
            }
        }
    }
    numbers
}

/// Mutants that reproduce a scenario, and are not named in its section of `docs/scenarios.md`.
fn unnamed_mutants(files: &Files, mutants: &[Mutant]) -> Vec<String> {
    let page = text_of(files, SCENARIOS);
    let names = |scenario: u8, mutant: &str| {
        section(page, &scenario.to_string()).contains(&format!("`{mutant}`"))
    };
    let unnamed = mutants.iter().filter_map(|mutant| {
        let (scenario, name) = (mutant.scenario()?, mutant.name());
        (!names(scenario, name))
            .then(|| format!("{SCENARIOS}: scenario {scenario} does not name the mutant `{name}`"))
    });
    unnamed.collect()
}

fn too_long(files: &Files) -> Vec<String> {
    let sources = files.iter().filter(|(file, _)| file.ends_with(".rs"));
    let long = sources.filter(|(_, text)| text.lines().count() > MOST_LINES);
    long.map(|(file, text)| {
        let lines = text.lines().count();
        format!("{file} has {lines} lines, and {MOST_LINES} are the most: it holds two ideas")
    })
    .collect()
}

/// Paths of somebody's machine.
fn at_home(files: &Files) -> Vec<String> {
    let begins = ["home", "root", "tmp", "work", "Users"].map(|folder| format!("/{folder}/"));
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

/// Lines of the production crate that draw from the generator in the process, outside the file that
/// draws jitter.
fn weakly_drawn(files: &Files) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file.starts_with("impl/src/")) {
        for (index, line) in text.lines().enumerate() {
            if line.contains("fastrand") && file != JITTER {
                faults.push(format!("{file}:{}: a name needs the system's randomness", index + 1));
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

#[test]
fn links_lead_somewhere() {
    assert_none("every relative link leads to a committed file", &dead_links(&committed()));
}

#[test]
fn names_are_those_of_the_code() {
    assert_none("every name in a text is in the code", &unknown_names(&committed()));
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

#[test]
fn names_are_drawn_by_the_operating_system() {
    assert_none("only jitter comes from a generator in the process", &weakly_drawn(&committed()));
}

#[test]
fn a_dead_link_is_found() {
    let good = "[a](docs/b.md) [`b`](./docs/b.md#one-two) <a href=\"docs\"></a> [c](#top) [d][e] \
        [m](LICENSE#L1)\n\
        # Top\n[e]: ../x/LICENSE\n`[f](g)` [h](https://i/j) [k](Stream::read)\n```\n[l](m)\n```\n";
    let docs =
        "# `One`, two\n![p](../LICENSE)\n# One two\n- [q](#one-two-1)\n  ```\n  [r](s)\n  ```\n";
    let docs = ("x/docs/b.md", docs);
    let tree = |readme: &str| files(&[("x/README.md", readme), docs, ("x/LICENSE", "one line")]);
    assert_eq!(dead_links(&tree(good)), [""; 0]);
    let bad = "[a](b.md)\n[`c`](docs/b.md#three) [d](#none)\n[e]: nowhere\n[f](LICENSE#L2) [g][h]\n\
        <img src=\"i.png\"> [j](k:l)\n";
    assert_eq!(
        dead_links(&tree(bad)),
        [
            "x/README.md:1: b.md leads to no committed file",
            "x/README.md:2: x/docs/b.md has no heading for #three",
            "x/README.md:2: x/README.md has no heading for #none",
            "x/README.md:3: nowhere leads to no committed file",
            "x/README.md:4: x/LICENSE has no line for #L2",
            "x/README.md:5: k:l leads to no committed file",
            "x/README.md:5: i.png leads to no committed file",
            "x/README.md:4: [h] is defined nowhere in this file",
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
    let several = format!("{}s 4, 5 and 11 to 15 of 20; {}s of ours", "scenario", "Scenario");
    assert_eq!(cited(&several), ["4", "5", "11", "15"]);
}

#[test]
fn a_name_that_is_not_in_the_code_is_found() {
    let text =
        "`a_test` in `b`, `a_tests`, `--no_name`, `x.y_z` `a.rs` `b/a.rs`\n```\n`c_d`\n```\n";
    let tree = files(&[("a.md", text), ("CHANGELOG.md", "`g_h`"), ("a.rs", "fn a_test() {}")]);
    assert_eq!(
        unknown_names(&tree),
        ["a.md:1: there is no `a_tests`", "a.md:1: there is no `b/a.rs`"]
    );
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
    assert!(found.len() == 2 && found[0].starts_with("src/b.rs has 501 lines"), "{found:?}");
}

#[test]
fn a_path_of_a_machine_is_found() {
    for folder in ["home", "root", "tmp", "work", "Users"] {
        let home = format!("see /{folder}/me/notes");
        let fine = "https://b.example/home/x ./work/y target/work/z";
        let tree = files(&[("a.md", &home), ("b.md", fine)]);
        assert_eq!(at_home(&tree), [format!("a.md:1: a path below /{folder}/")]);
    }
}

#[test]
fn a_name_from_the_generator_in_the_process_is_found() {
    let draws = "let jitter = 1;\nlet name = fastrand::u64(..);";
    let tree = files(&[(JITTER, draws), ("impl/src/names.rs", draws), ("sim/src/run.rs", draws)]);
    assert_eq!(weakly_drawn(&tree), ["impl/src/names.rs:2: a name needs the system's randomness"]);
}
