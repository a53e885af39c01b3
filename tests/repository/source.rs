//! Rust sources as tokens: enough to tell code from comments, strings and doc comments.
//!
//! Plain scanning rather than `syn`, which sees the body of a macro (`select!`, `json!`) as tokens
//! without a meaning, drops comments, and would have to be compiled a second time for tests alone.

/// One word, one `::`, or one other character of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its line, from 1.
    pub line: usize,
    /// Its text.
    pub text: &'a str,
}

/// A source, taken apart. Literals are in neither list.
#[derive(Debug, Default)]
pub struct Scanned<'a> {
    /// The code.
    pub code: Vec<Token<'a>>,
    /// The comments with their slashes, doc comments among them.
    pub comments: Vec<Token<'a>>,
}

/// Takes a source apart.
pub fn scan(source: &str) -> Scanned<'_> {
    let mut scanned = Scanned::default();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = length_of_next(rest, first);
        let text = &rest[..length];
        if rest.starts_with("//") || rest.starts_with("/*") {
            scanned.comments.push(Token { line, text });
        } else if !first.is_whitespace() && !is_literal(text) {
            scanned.code.push(Token { line, text });
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    scanned
}

fn is_literal(text: &str) -> bool {
    text.starts_with('\'') || (text.len() > 1 && text.ends_with(['"', '#']))
}

/// How many bytes the comment, literal, word or character at the start of `rest` takes.
fn length_of_next(rest: &str, first: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(length) = string(rest) {
        return length;
    }
    if first == '\'' {
        return quote(rest);
    }
    if first.is_alphanumeric() || first == '_' {
        return word(rest);
    }
    if rest.starts_with("::") { 2 } else { first.len_utf8() }
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += step.0;
        at += step.1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// A string literal with whatever prefix, raw or not.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let behind = rest.strip_prefix(prefix).map(|rest| rest.trim_start_matches('#'));
        behind.is_some_and(|behind| behind.starts_with('"'))
    })?;
    let behind = &rest[prefix.len()..];
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let begin = prefix.len() + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len()));
    }
    // `#"` without an `r` is two tokens.
    (hashes == 0).then(|| begin + closed_by(&rest[begin..], '"'))
}

/// A character, or a lifetime: that is a quote and a word.
fn quote(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => 1 + closed_by(&rest[1..], '\''),
        _ => 1 + word(&rest[1..]),
    }
}

/// The bytes up to and with the first `end` that no backslash escapes.
fn closed_by(rest: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        if c == end && !escaped {
            return at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

#[test]
fn code_is_told_from_comments_and_literals() {
    let source = r##"
        // use a::b;
        /* use c::d; /* nested */ use e::f; */
        /// [`crate::g`]
        fn h<'a>(text: &'a str) -> char { let quote = '"'; let escaped = '\''; 'i' }
        let string = "use j::k; \" still"; let raw = r#"use l::m; " still"#; let bytes = b"n::o";
        r#type::p;
        let (line, slash, text) = ('\n', '\\', "\\"); /* two
        lines */ q
    "##;
    let scanned = scan(source);
    let code: Vec<_> = scanned.code.iter().map(|token| token.text).collect();
    assert_eq!(
        code.join(" "),
        "fn h < > ( text : & str ) - > char { let quote = ; let escaped = ; } let string = ; let \
         raw = ; let bytes = ; r # type :: p ; let ( line , slash , text ) = ( , , ) ; q"
    );
    assert_eq!(scanned.comments.len(), 4);
    assert_eq!((scanned.code[0].line, scanned.code[code.len() - 1].line), (5, 9));
}
