//! What a file imports from its own crate.

use crate::source::{Token, scan};

/// A module's path from the root of its crate; a name in it may follow.
pub type Path = Vec<String>;

/// A path into the file's own crate, as `use` names it or as it stands in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Where it begins.
    pub line: usize,
    /// From the crate's root.
    pub path: Path,
    /// The name that a `use` gives it in the file's module; `None` for a path in the code, a glob,
    /// and a `use` within a block or an inner module.
    pub name: Option<String>,
    /// Whether the file hands it on and does not touch it.
    pub handed_on: bool,
}

/// What the file of the module `here` imports. Code for tests alone is left out.
pub fn imports(source: &str, here: &[&str]) -> Vec<Import> {
    let code = scan(source).code;
    let mut reader = Reader {
        children: children(&code),
        code,
        at: 0,
        here: here.iter().map(|name| (*name).to_owned()).collect(),
        inner: Vec::new(),
        depth: 0,
        found: Vec::new(),
        touched: Vec::new(),
    };
    reader.read();
    let touched = reader.touched;
    for import in &mut reader.found {
        let name = import.name.as_ref();
        import.handed_on &= !name.is_some_and(|name| touched.contains(name));
    }
    reader.found
}

/// The modules that a file declares: their names begin a path as well as `self::` does.
fn children(code: &[Token<'_>]) -> Vec<String> {
    let declared = code.windows(3).filter(|three| three[0].text == "mod" && three[2].text == ";");
    declared.map(|three| three[1].text.to_owned()).collect()
}

struct Reader<'a> {
    code: Vec<Token<'a>>,
    at: usize,
    children: Vec<String>,
    here: Path,
    /// The modules written out in the file around what is read, and how deep each is.
    inner: Vec<(String, usize)>,
    depth: usize,
    found: Vec<Import>,
    /// Types that the code names and functions that it calls, outside of `use`.
    touched: Vec<String>,
}

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.code.get(at).map_or("", |token| token.text)
    }

    fn read(&mut self) {
        while self.at < self.code.len() {
            match self.text(self.at) {
                "#" if self.is_for_tests() => self.skip_item(),
                "use" => self.read_use(),
                "{" => self.open(),
                "}" => self.close(),
                first if self.begins_path(first) => self.read_path(),
                word => {
                    let called = self.text(self.at + 1) == "(";
                    if called || word.starts_with(char::is_uppercase) {
                        self.touched.push(word.to_owned());
                    }
                }
            }
            self.at += 1;
        }
    }

    /// Whether an attribute begins here that leaves its item to tests: `cfg(test)`, or `all` with it.
    fn is_for_tests(&self) -> bool {
        let inside = self.code[self.at..].iter().map(|token| token.text);
        let inside: Vec<_> = inside.take_while(|text| *text != "]").collect();
        inside.starts_with(&["#", "[", "cfg", "("])
            && inside.contains(&"test")
            && !inside.contains(&"not")
            && !inside.contains(&"any")
    }

    /// Goes to the end of what an attribute here is about. That is an item, up to a `;` or the end
    /// of its block; or a field, a variant or an arm of a match, up to a `,` or the last before the
    /// end of the block around it.
    fn skip_item(&mut self) {
        const ITEMS: [&str; 15] = [
            "async",
            "const",
            "enum",
            "extern",
            "fn",
            "impl",
            "macro_rules",
            "mod",
            "static",
            "struct",
            "trait",
            "type",
            "union",
            "unsafe",
            "use",
        ];
        let (mut depth, mut is_item) = (0, false);
        while self.at < self.code.len() {
            match self.text(self.at) {
                word if depth == 0 && ITEMS.contains(&word) => is_item = true,
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" if depth == 0 => {
                    self.at -= 1;
                    return;
                }
                "}" if depth == 1 && is_item => return,
                "}" => depth -= 1,
                ";" if depth == 0 => return,
                "," if depth == 0 && !is_item => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn open(&mut self) {
        if self.at >= 2 && self.text(self.at - 2) == "mod" {
            self.inner.push((self.text(self.at - 1).to_owned(), self.depth));
        }
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.inner.last().is_some_and(|(_, depth)| *depth == self.depth) {
            self.inner.pop();
        }
    }

    /// Whether `first` is the beginning of a path into this crate. In `pub(in crate::a)` it is none.
    fn begins_path(&self, first: &str) -> bool {
        let before = self.at.checked_sub(1).map_or("", |at| self.text(at));
        let follows = self.text(self.at + 1) == "::" && !["::", "."].contains(&before);
        let visibility = before == "in" && self.text(self.at.saturating_sub(2)) == "(";
        follows && !visibility && self.base(first).is_some()
    }

    /// The module that the first word of a path stands for.
    fn base(&self, first: &str) -> Option<Path> {
        let inner = self.inner.iter().map(|(name, _)| name.clone());
        let mut module: Path = self.here.iter().cloned().chain(inner).collect();
        match first {
            "crate" => Some(Vec::new()),
            "self" => Some(module),
            "super" => {
                module.pop();
                Some(module)
            }
            child if self.inner.is_empty() && self.children.iter().any(|known| known == child) => {
                module.push(child.to_owned());
                Some(module)
            }
            _ => None,
        }
    }

    /// A path in the code.
    fn read_path(&mut self) {
        let line = self.code[self.at].line;
        let mut path = self.base(self.text(self.at)).unwrap_or_default();
        while self.text(self.at + 1) == "::" && is_word(self.text(self.at + 2)) {
            self.at += 2;
            step(&mut path, self.text(self.at));
        }
        self.found.push(Import { line, path, name: None, handed_on: false });
    }

    /// A `use`, up to its `;`.
    fn read_use(&mut self) {
        let public = self.at > 0 && ["pub", ")"].contains(&self.text(self.at - 1));
        self.at += 1;
        if let Some(base) = self.base(self.text(self.at)) {
            self.at += 1;
            self.read_tree(base, public);
        }
        while !["", ";"].contains(&self.text(self.at)) {
            self.at += 1;
        }
    }

    /// What stands behind a path in a `use`: more of it, several in braces, everything, another name.
    fn read_tree(&mut self, mut path: Path, public: bool) {
        let line = self.code[self.at.min(self.code.len() - 1)].line;
        let mut name = path.last().cloned();
        loop {
            match self.text(self.at) {
                "::" => {}
                "{" => {
                    self.at += 1;
                    while !["", "}"].contains(&self.text(self.at)) {
                        self.read_tree(path.clone(), public);
                        if self.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "*" => name = None,
                "as" => {
                    self.at += 1;
                    name = Some(self.text(self.at).to_owned());
                }
                word if is_word(word) => {
                    step(&mut path, word);
                    name = path.last().cloned();
                }
                _ => break,
            }
            self.at += 1;
        }
        let name = name.filter(|_| self.depth == 0 && self.inner.is_empty());
        self.found.push(Import { line, path, name, handed_on: public });
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn step(path: &mut Path, word: &str) {
    match word {
        "self" => {}
        "super" => drop(path.pop()),
        word => path.push(word.to_owned()),
    }
}
