//! Arrows go down, inside every crate as well: no room imports one above it, and no two modules
//! import each other in a circle.
//!
//! A **room** is what stands right below a crate's `src/`: a folder, or a file. The rooms of each
//! crate are listed here from top to bottom, and each may import only those below it. Inside a
//! folder there is no list: its files and folders may import each other as they like, as long as
//! there is no circle.
//!
//! What counts as an import: every `use` and every path in the code that leads into the same crate
//! (`crate::`, `self::`, `super::`, a child's name), wherever it stands. What a module hands on
//! (`pub use`) counts for those who take it from there, as if they had gone to its home. So a
//! `mod.rs` that only hands on what its children have is nobody's arrow. One that *has* something
//! itself is a module like the others: its children may build on it, or it on them, never both.
//!
//! Code for tests alone (`#[cfg(test)]`) may import what it likes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::committed::{assert_none, committed};
use crate::imports::{Import, Path, imports};

/// A crate, and how it is meant to be.
pub struct Plan {
    pub src: &'static str,
    /// From top to bottom.
    pub rooms: &'static [&'static str],
    /// Folders that still have circles, each with the reason.
    pub knots: &'static [(&'static str, &'static str)],
}

pub const PLANS: [Plan; 4] = [
    Plan {
        src: "model/src",
        rooms: &[
            "check",
            "history",
            "log",
            "append",
            "consume",
            "lineage",
            "scale",
            "store",
            "rules",
            "design",
            "vocabulary",
            "explanation",
            "invariant",
            "mutant",
            "ids",
        ],
        knots: &[(
            "check",
            "it is to be rebuilt as world, steps, judges, search and log, and is left alone until then",
        )],
    },
    Plan {
        src: "impl/src",
        rooms: &[
            "operate",
            "consume",
            "key_history",
            "read",
            "append",
            "trigger",
            "stream",
            "embedded",
            "wire",
            "observe",
            "notices",
            "vocabulary",
        ],
        knots: &[],
    },
    Plan {
        src: "sim/src",
        rooms: &[
            "hunt", "play", "cluster", "judge", "decode", "engine", "moment", "plan", "marks",
            "cell",
        ],
        knots: &[],
    },
    Plan {
        src: "src",
        rooms: &[
            "commands",
            "report",
            "cli",
            "progress",
            "interrupt",
            "calls",
            "checkpoint",
            "output",
            "files",
            "failure",
            "input",
            "status",
        ],
        knots: &[],
    },
];

/// A file of a crate.
struct File {
    name: String,
    imports: Vec<Import>,
}

/// A crate's files by their modules.
#[derive(Default)]
struct Tree {
    files: BTreeMap<Path, File>,
}

/// One module imports another.
struct Arrow<'a> {
    from: &'a Path,
    to: &'a Path,
    file: &'a str,
    line: usize,
}

impl Tree {
    /// The crate whose sources are these, by their paths below `src/`.
    fn of<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Tree {
        let mut tree = Tree::default();
        for (name, text) in sources {
            let mut module: Vec<_> = name.trim_end_matches(".rs").split('/').collect();
            if ["mod", "lib", "main"].contains(&module[module.len() - 1]) {
                module.pop();
            }
            let file = File { name: name.to_owned(), imports: imports(text, &module) };
            tree.files.insert(module.into_iter().map(str::to_owned).collect(), file);
        }
        tree
    }

    /// The module where a path ends: what a module has by `use` is at home elsewhere.
    fn home(&self, path: &[String], steps: usize) -> &Path {
        let shown = |len: &usize| self.files.contains_key(&path[..*len]);
        let len = (0..=path.len()).rev().find(shown).unwrap_or(0);
        let (module, file) = self.files.get_key_value(&path[..len]).expect("a crate has a root");
        let Some(name) = path.get(len).filter(|_| steps > 0) else { return module };
        let used = file.imports.iter().find(|import| import.name.as_ref() == Some(name));
        match used {
            Some(used) => self.home(&[&used.path[..], &path[len + 1..]].concat(), steps - 1),
            None => module,
        }
    }

    fn arrows(&self) -> impl Iterator<Item = Arrow<'_>> {
        self.files.iter().flat_map(move |(from, file)| {
            file.imports.iter().filter_map(move |import| {
                let to = self.home(&import.path, 8);
                let handed_on = import.handed_on && to.starts_with(from);
                let arrow = Arrow { from, to, file: &file.name, line: import.line };
                (to != from && !handed_on).then_some(arrow)
            })
        })
    }

    /// What is wrong with it, a line each.
    fn faults(&self, plan: &Plan) -> Vec<String> {
        let mut faults = Vec::new();
        let there: BTreeSet<_> = self.files.keys().filter_map(|module| module.first()).collect();
        for room in there.iter().filter(|room| !plan.rooms.contains(&room.as_str())) {
            faults.push(format!("{}: the room `{room}` is not in this test's list", plan.src));
        }
        for room in plan.rooms.iter().filter(|room| !there.contains(&&(**room).to_owned())) {
            faults.push(format!("{}: there is no room `{room}`, yet it is listed", plan.src));
        }
        faults.extend(self.arrows().filter_map(|arrow| upward(plan, &arrow)));
        let mut knots: Vec<_> = plan.knots.iter().map(|(folder, _)| *folder).collect();
        for (folder, graph) in self.folders() {
            let Some(circle) = circle(plan, &graph) else { continue };
            let folder = folder.join("/");
            match knots.iter().position(|knot| *knot == folder) {
                Some(known) => drop(knots.remove(known)),
                None => faults.push(format!("{}/{folder}: {circle}", plan.src)),
            }
        }
        let untied = knots.iter().map(|knot| {
            format!("{}/{knot} has no circle any more: take it off this test's list", plan.src)
        });
        faults.extend(untied);
        faults
    }

    /// For each folder: which of its files and folders import which, and where. A folder's own
    /// `mod.rs` is the one without a name.
    fn folders(&self) -> BTreeMap<Path, Graph<'_>> {
        let mut folders: BTreeMap<Path, Graph<'_>> = BTreeMap::new();
        for arrow in self.arrows() {
            let shared = arrow.from.iter().zip(arrow.to).take_while(|(a, b)| a == b).count();
            // At the top the list of rooms rules.
            if shared == 0 {
                continue;
            }
            let node = |module: &Path| module.get(shared).cloned().unwrap_or_default();
            let edge = (node(arrow.from), node(arrow.to));
            let folder = arrow.from[..shared].to_vec();
            folders.entry(folder).or_default().entry(edge).or_insert(arrow);
        }
        folders
    }
}

fn upward(plan: &Plan, arrow: &Arrow<'_>) -> Option<String> {
    let floor = |room: &String| plan.rooms.iter().position(|known| known == room);
    let from = arrow.from.first()?;
    let at = format!("{}/{}:{}: `{from}` imports", plan.src, arrow.file, arrow.line);
    let Some(to) = arrow.to.first() else {
        return Some(format!("{at} from the crate's root, which lies above every room"));
    };
    let above = from != to && floor(from)? > floor(to)?;
    above.then(|| format!("{at} `{to}` ({}), which lies above it", arrow.to.join("::")))
}

type Graph<'a> = BTreeMap<(String, String), Arrow<'a>>;

/// A circle in the graph, in words.
fn circle(plan: &Plan, graph: &Graph<'_>) -> Option<String> {
    let mut nodes: BTreeSet<&String> = graph.keys().flat_map(|(from, to)| [from, to]).collect();
    // What imports nothing that is left is in no circle.
    loop {
        let imports =
            |node: &String| graph.keys().any(|(from, to)| from == node && nodes.contains(to));
        let done: Vec<_> = nodes.iter().copied().filter(|node| !imports(node)).collect();
        if done.is_empty() {
            break;
        }
        nodes.retain(|node| !done.contains(node));
    }
    // From anywhere in what is left an arrow leads on, until a node comes again.
    let mut walked = vec![*nodes.first()?];
    loop {
        let last = walked[walked.len() - 1];
        let onward = graph.keys().find(|(from, to)| from == last && nodes.contains(to));
        let (_, next) = onward?;
        if let Some(begin) = walked.iter().position(|seen| *seen == next) {
            walked.drain(..begin);
            break;
        }
        walked.push(next);
    }
    let mut words = "a circle of imports".to_owned();
    for (place, from) in walked.iter().enumerate() {
        let to = walked[(place + 1) % walked.len()];
        let Arrow { file, line, .. } = graph[&((*from).clone(), to.clone())];
        let named = |node: &str| if node.is_empty() { "mod.rs" } else { node }.to_owned();
        let (src, from, to) = (plan.src, named(from), named(to));
        let _ = write!(words, "\n    {src}/{file}:{line}: `{from}` imports `{to}`");
    }
    Some(words)
}

#[test]
fn arrows_go_down() {
    let committed = committed();
    let mut faults = Vec::new();
    for plan in &PLANS {
        let below = |name: &str| Some(name.strip_prefix(plan.src)?.strip_prefix('/')?.to_owned());
        let sources: Vec<_> = committed
            .iter()
            .filter(|(name, _)| name.ends_with(".rs"))
            .filter_map(|(name, text)| Some((below(name)?, text)))
            .collect();
        let tree = Tree::of(sources.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        faults.extend(tree.faults(plan));
    }
    assert_none("arrows go down only", &faults);
}

/// What the test says of a crate with the rooms `top`, `middle` and `ground`.
fn said(sources: &[(&str, &str)]) -> Vec<String> {
    let plan = Plan { src: "src", rooms: &["top", "middle", "ground"], knots: &[] };
    Tree::of([("lib.rs", "mod top; mod middle; mod ground;")].iter().chain(sources).copied())
        .faults(&plan)
}

#[test]
fn every_way_to_import_is_seen() {
    let text = "
        use std::{fmt, crate_of_others::x};
        pub(crate) use crate::a::{
            b::{C, d as e},
            f::*,
        };
        use super::{self, g};
        pub(in crate::no) fn h() -> crate::i::J { self::k::l(); m::n() }
        mod m;
        // use crate::no;
        const TEXT: &str = \"use crate::no;\";
        mod inner { use super::o; }
        #[cfg(test)]
        mod tests { use crate::no; fn no() { crate::no() } }
        use crate::u;
        #[cfg(all(test, unix))]
        use crate::{no};
        #[cfg(feature = \"some\")]
        use crate::p;
        #[cfg(any(test, unix))]
        use crate::q;
        #[cfg(not(test))]
        use crate::{r};
        #[cfg(test)]
        use crate::{no::{no, other}, no};
        struct S {
            #[cfg(test)]
            no: crate::no::No,
            #[cfg(test)]
            last: crate::no::No
        }
        fn f() {
            use crate::s;
            match other::m::x() {
                #[cfg(test)]
                crate::no::NO => { crate::no() }
                #[cfg(test)]
                _ => crate::no(),
                _ => crate::t(),
            }
        }
        mod inner { fn f() { m::x() } }
    ";
    let found = imports(text, &["here", "deep"]);
    let paths: Vec<_> = found.iter().map(|import| import.path.join("::")).collect();
    let expected = [
        "a::b::C",
        "a::b::d",
        "a::f",
        "here",
        "here::g",
        "i::J",
        "here::deep::k::l",
        "here::deep::m::n",
        "here::deep::o",
        "u",
        "p",
        "q",
        "r",
        "s",
        "t",
    ];
    assert_eq!(paths, expected);
    assert_eq!(found[1].name.as_deref(), Some("e"));
    assert!(found[1].handed_on && !found[4].handed_on);
    assert_eq!((found[2].line, found[5].line), (5, 8));
    // A `use` within a block gives its name to the block alone.
    assert_eq!((found[12].name.as_deref(), &found[13].name), (Some("r"), &None));
}

#[test]
fn an_upward_import_is_found() {
    let good = [
        ("top.rs", "use crate::middle::M;"),
        ("middle/mod.rs", "pub struct M;"),
        ("ground.rs", ""),
    ];
    assert_eq!(said(&good), [""; 0]);
    let bad = [
        ("top.rs", "pub struct T;"),
        ("middle/mod.rs", ""),
        ("ground.rs", "\n\nfn f(_: crate::top::T) {}"),
    ];
    assert_eq!(said(&bad), ["src/ground.rs:3: `ground` imports `top` (top), which lies above it"]);
    let through_a_face = [
        ("top.rs", "pub struct T;"),
        ("middle/mod.rs", "mod child; use crate::top::T;"),
        ("middle/child.rs", "use super::T;"),
        ("ground.rs", ""),
    ];
    assert_eq!(said(&through_a_face).len(), 2, "{:?}", said(&through_a_face));
    let handed_on = [
        ("top.rs", "pub struct T;"),
        ("middle/mod.rs", ""),
        ("ground.rs", "pub use crate::top::T;"),
    ];
    assert_eq!(said(&handed_on).len(), 1, "{:?}", said(&handed_on));
    // What was handed on twice is at home where it stands.
    let handed_on_twice = [
        ("top.rs", "pub use crate::middle::T;"),
        ("middle/mod.rs", "pub use crate::ground::T;"),
        ("ground/mod.rs", "mod a; pub struct T;"),
        ("ground/a.rs", "use crate::top::T;"),
    ];
    assert_eq!(said(&handed_on_twice), [""; 0]);
    let from_the_root = [("top.rs", ""), ("middle/mod.rs", "use super::Item;"), ("ground.rs", "")];
    assert!(said(&from_the_root)[0].contains("the crate's root"));
}

#[test]
fn a_room_that_is_not_listed_or_not_there_is_found() {
    let sources = [("top.rs", ""), ("middle.rs", ""), ("cellar/mod.rs", "")];
    let said = said(&sources);
    assert!(said[0].contains("`cellar` is not in this test's list"), "{said:?}");
    assert!(said[1].contains("no room `ground`"), "{said:?}");
}

#[test]
fn a_circle_is_found() {
    let rooms = [("top.rs", ""), ("ground.rs", "")];
    let middle = |face: &'static str, a: &'static str, b: &'static str| {
        let middle = [("middle/mod.rs", face), ("middle/a.rs", a), ("middle/b.rs", b)];
        said(&[&rooms[..], &middle].concat())
    };
    let none = [""; 0];
    // A face that hands on.
    assert_eq!(
        middle("mod a; mod b; pub use a::A; pub use b::B;", "use super::B;", "pub struct B;"),
        none
    );
    // Children that build on what their parent has, and the other way round.
    assert_eq!(middle("mod a; mod b; pub struct M;", "use super::M;", "use super::M;"), none);
    assert_eq!(
        middle("mod a; mod b; use a::A; struct M(A);", "pub struct A;", "use super::a::A;"),
        none
    );
    // Both ways at once, also where what is used is handed on as well.
    for face in
        ["use a::A; pub struct M(A);", "pub use a::A; pub struct M(A);", "pub fn m() { a::f() }"]
    {
        let face: &'static str = Box::leak(format!("mod a; mod b; {face}").into_boxed_str());
        let said = middle(face, "use super::M;", "");
        assert!(said.len() == 1 && said[0].contains("`mod.rs` imports `a`"), "{said:?}");
    }
    // Two files, through the face of their folder.
    let said = middle(
        "mod a; mod b; pub use a::A;",
        "use super::b::B; pub struct A;",
        "use super::A; pub struct B;",
    );
    assert_eq!(
        said,
        [
            "src/middle: a circle of imports\n    src/middle/a.rs:1: `a` imports `b`\n    src/middle/b.rs:1: `b` imports `a`"
        ]
    );
}
