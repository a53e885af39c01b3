//! What `docs/invariants.md` promises: each invariant has its row, the lines that enforce it carry
//! its tag, the links lead to them, and the figures are those of the counterexamples.

use std::collections::BTreeMap;

use gapless_model::Invariant;

use crate::committed::{Files, assert_none, committed, files, is_source, root, text_of};
use crate::markdown::{resolved, section};
use crate::source::scan;

const PAGE: &str = "docs/invariants.md";
/// The words of each named design's counterexamples.
const COUNTEREXAMPLES: &str = "model/testdata/";

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
        Invariant::D3 => (Keeper::Machine, "a turn stops at a number whose slot is still empty"),
        Invariant::D4 => (Keeper::Store, "a lease demands that the group has begun the partition"),
        Invariant::L1 => (Keeper::Store, "the write that takes a lease raises its epoch"),
        Invariant::L2 => (Keeper::Store, "a lease that has not ended is not to be had"),
        Invariant::L3 => (Keeper::Store, "a checkpoint demands the epoch, and a lower checkpoint"),
        Invariant::P1 => (Keeper::Machine, "a gap is voided after its grace, and a trigger kept"),
        Invariant::P2 => (Keeper::Store, "a seal demands that the partition is open"),
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
    for (file, text) in files.iter().filter(|(file, _)| is_source(file)) {
        let comments = scan(text).comments.into_iter();
        let unfinished = comments.filter(|comment| is_unfinished_tag(comment.text));
        faults.extend(unfinished.map(|comment| {
            format!("{file}:{}: `{}` begins like a tag and is none", comment.line, comment.text)
        }));
    }
    faults
}

/// Whether a comment begins with an invariant's name and is no tag.
fn is_unfinished_tag(comment: &str) -> bool {
    let body = comment.strip_prefix("// ").unwrap_or_default();
    let first = body.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    Invariant::named(first).is_some() && tagged(comment).is_empty()
}

/// `docs/invariants.md` has a row for each invariant. A link in it that names a line leads to a tag
/// of that invariant, within the function that it names.
fn unexplained(files: &Files) -> Vec<String> {
    let page = text_of(files, PAGE);
    let tags = tags(files);
    let mut faults = Vec::new();
    for invariant in Invariant::ALL {
        let Some((place, row)) = page.lines().enumerate().find(|(_, line)| is_row(line, invariant))
        else {
            faults.push(format!("{PAGE} has no row for {invariant}"));
            continue;
        };
        for (title, link) in titled_links(row) {
            let Some((file, line)) = link.split_once("#L") else { continue };
            let file = resolved(PAGE, file);
            let lines = lines(files, &tags, *invariant, (title, &file));
            if !lines.iter().any(|known| known.to_string() == line) {
                faults.push(format!(
                    "{PAGE}:{}: {link} is not where {file} has the tag {invariant}: lines {lines:?}",
                    place + 1
                ));
            }
        }
    }
    faults
}

/// The links of a row, each with its words.
fn titled_links(row: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = row.split("](").collect();
    let titled = parts.windows(2).map(|parts| (title(parts[0]), parts[1].split(')').next()));
    titled.filter_map(|(title, link)| Some((title, link?))).collect()
}

/// The words of the link that begins after this.
fn title(before: &str) -> &str {
    before.rsplit('[').next().unwrap_or_default().trim_matches('`')
}

/// The lines of a file that carry the tag of an invariant: within a function, if the file has one of
/// that name.
fn lines(
    files: &Files,
    tags: &BTreeMap<String, Vec<(&str, usize)>>,
    invariant: Invariant,
    (name, file): (&str, &str),
) -> Vec<usize> {
    let text = text_of(files, file);
    let is_function = |name: &str| functions(text).any(|(_, known)| known == name);
    let is_within = |line: usize| {
        let last = functions(text).take_while(|(begin, _)| *begin <= line).last();
        !is_function(name) || last.is_some_and(|(_, known)| known == name)
    };
    let tagged = tags.get(invariant.name()).into_iter().flatten();
    let tagged = tagged.filter(|(tagged, _)| *tagged == file).map(|(_, line)| *line);
    tagged.filter(|line| is_within(*line)).collect()
}

/// The functions of a file, each with its line.
fn functions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter_map(|(place, line)| {
        let declared = line.trim_start().split("fn ").nth(1)?;
        let keywords = line.trim_start().split("fn ").next()?;
        let is_declared = keywords
            .split_whitespace()
            .all(|word| matches!(word, "async" | "const") || word.starts_with("pub"));
        let name = declared.split(|c: char| c != '_' && !c.is_alphanumeric()).next()?;
        is_declared.then_some((place, name))
    })
}

/// `docs/invariants.md` with links that lead to a tag again: to the nearest one, since a line moves
/// when others are added above it.
fn relinked(files: &Files) -> String {
    let page = text_of(files, PAGE);
    let tags = tags(files);
    let mut rewritten = String::new();
    for line in page.lines() {
        let row = Invariant::ALL.iter().find(|invariant| is_row(line, invariant));
        let parts: Vec<&str> = line.split("](").collect();
        rewritten.push_str(parts[0]);
        for parts in parts.windows(2) {
            rewritten.push_str("](");
            let moved = row.and_then(|row| moved(files, &tags, *row, (title(parts[0]), parts[1])));
            rewritten.push_str(moved.as_deref().unwrap_or(parts[1]));
        }
        rewritten.push('\n');
    }
    rewritten
}

/// A link and what follows it, with the line of the nearest tag.
fn moved(
    files: &Files,
    tags: &BTreeMap<String, Vec<(&str, usize)>>,
    invariant: Invariant,
    (title, rest): (&str, &str),
) -> Option<String> {
    let (link, rest) = rest.split_once(')')?;
    let (target, place) = link.split_once("#L")?;
    let (file, old) = (resolved(PAGE, target), place.parse::<usize>().unwrap_or_default());
    let lines = lines(files, tags, invariant, (title, &file));
    let new = lines.iter().min_by_key(|new| new.abs_diff(old))?;
    Some(format!("{target}#L{new}){rest}"))
}

/// Lengths of counterexamples, in the rows "broken by", that are not those of the golden files, and
/// golden files that these rows don't name.
fn miscounted(files: &Files) -> Vec<String> {
    let page = text_of(files, PAGE);
    let mut faults = Vec::new();
    for invariant in Invariant::ALL {
        let mut rows = section(page, invariant.name()).lines();
        let row = rows.find(|row| row.starts_with("| broken by |")).unwrap_or_default();
        let ends = format!("-{invariant}.txt");
        let design = |file: &str| {
            let name = file.strip_prefix(COUNTEREXAMPLES)?.strip_suffix(&ends)?;
            Some(name.to_owned())
        };
        for name in files.iter().filter_map(|(file, _)| design(file)) {
            let said = row.split(';').find(|part| part.contains(&format!("`{name}`")));
            // As in "`seed` and `skip-gaps`, 10" or "`skip-gaps`, 17 steps".
            let said = said.and_then(|part| part.rsplit_once("`, "));
            let said = said.and_then(|(_, steps)| steps.split([' ', '|']).next());
            let golden = text_of(files, &format!("{COUNTEREXAMPLES}{name}{ends}"));
            let steps = golden.split_once("\n(").and_then(|(_, rest)| rest.split(' ').next());
            if said != steps {
                let [said, steps] = [said, steps].map(|steps| steps.unwrap_or("no"));
                faults.push(format!(
                    "{PAGE}: `{name}` breaks {invariant} in {said} steps, and its golden file has \
                     {steps}"
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

#[test]
fn enforcing_lines_are_tagged() {
    assert_none("every invariant is tagged where it is enforced", &untagged(&committed()));
}

#[test]
fn invariants_are_explained() {
    if std::env::var_os("GAPLESS_REWRITE").is_some() {
        std::fs::write(root().join(PAGE), relinked(&committed())).expect("the page is writable");
    }
    assert_none("every invariant has its row, and its links are right", &unexplained(&committed()));
}

#[test]
fn counterexamples_are_as_long_as_is_said() {
    assert_none("the figures are those of the golden files", &miscounted(&committed()));
}

#[test]
fn a_missing_tag_and_one_that_names_nothing_are_found() {
    let all = "// S1, S2, S3, S4, D1, D2, D3, D4: a\nfn f() {} // L1, L2, L3: b\n// P1, P2: c\n";
    let good = [
        ("model/src/store/a.rs", all),
        ("impl/src/wire/b.rs", all),
        ("model/src/consume/c.rs", all),
    ];
    assert_eq!(untagged(&files(&good)), [""; 0]);
    // A doc comment, a text, and a comment that goes on about it are no tags.
    let none = "/// L3: a\nconst A: &str = \"// L3: a\";\n// As L3: says.\n// S1, S2, S3, S4, D4, L1, L2, P2: b";
    let without = [good[0], ("impl/src/wire/b.rs", none), good[2]];
    let found = untagged(&files(&without));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("no line in impl/src/wire/ carries `// L3: …`"), "{found:?}");
    let unmade = [good[0], good[1]];
    assert_eq!(untagged(&files(&unmade)).len(), 4);
    let unknown = [good[0], good[1], good[2], ("sim/src/d.rs", "\n// L3, L9: a")];
    assert_eq!(untagged(&files(&unknown)), ["sim/src/d.rs:2: no invariant is called L9"]);
    let unfinished =
        [good[0], good[1], good[2], ("sim/src/d.rs", "// L3, a\n// As L3 says\n// x9: b")];
    let found = untagged(&files(&unfinished));
    assert_eq!(found, ["sim/src/d.rs:1: `// L3, a` begins like a tag and is none"]);
}

#[test]
fn an_invariant_without_a_row_and_a_wrong_line_are_found() {
    let row = |invariant: &Invariant| format!("| **{invariant}** | [it](../model/src/a.rs#L2) |\n");
    let rows: String = Invariant::ALL.iter().map(row).collect();
    let source = "\n// S1, S2, S3, S4, D1, D2, D3, D4, L1, L2, L3, P1, P2: a\n";
    let good = [("docs/invariants.md", rows.as_str()), ("model/src/a.rs", source)];
    assert_eq!(unexplained(&files(&good)), [""; 0]);
    let without = rows.replace("**P1**", "**Q1**");
    let found = unexplained(&files(&[("docs/invariants.md", without.as_str()), good[1]]));
    assert_eq!(found, ["docs/invariants.md has no row for P1"]);
    let moved = source.replace("L3, ", "") + "// L3: a";
    let moved = unexplained(&files(&[good[0], ("model/src/a.rs", &moved)]));
    assert!(moved.len() == 1 && moved[0].contains("the tag L3: lines [3]"), "{moved:?}");
    let gone = source.replace("L3, ", "");
    let gone = unexplained(&files(&[good[0], ("model/src/a.rs", &gone)]));
    assert!(gone.len() == 1 && gone[0].contains("the tag L3: lines []"), "{gone:?}");
    // It is in another function than the one that is named.
    let named = rows.replacen("[it]", "[`f`]", 1);
    let (page, begins) = (("docs/invariants.md", named.as_str()), format!("fn g() {{{source}}}\n"));
    let both = format!("{begins}pub(crate) async fn f() {{}}\n");
    assert_eq!(unexplained(&files(&[page, ("model/src/a.rs", &begins)])), [""; 0]);
    let other = unexplained(&files(&[page, ("model/src/a.rs", &both)]));
    assert!(other.len() == 1 && other[0].contains("the tag S1: lines []"), "{other:?}");
}

#[test]
fn a_wrong_length_of_a_counterexample_is_found() {
    let page = "# I\n\n## L1: a\n\n| broken by | `b`, 14 steps; `c` and `d`, 9 |\n\n## L2: e\n";
    let golden = |name: &str, steps: u8| {
        (format!("{COUNTEREXAMPLES}{name}.txt"), format!("{name}\n({steps} steps, no fault)\n"))
    };
    let tree = |golden: [(String, String); 3]| {
        let page = (PAGE.to_owned(), page.to_owned());
        std::iter::once(page).chain(golden).collect::<Vec<_>>()
    };
    let good = tree([golden("b-L1", 14), golden("c-L1", 9), golden("d-L1", 9)]);
    assert_eq!(miscounted(&good), [""; 0]);
    let bad = miscounted(&tree([golden("b-L1", 13), golden("d-L1", 9), golden("b-L2", 5)]));
    assert_eq!(
        bad,
        [
            "docs/invariants.md: `b` breaks L1 in 14 steps, and its golden file has 13",
            "docs/invariants.md: `b` breaks L2 in no steps, and its golden file has 5",
        ]
    );
}
