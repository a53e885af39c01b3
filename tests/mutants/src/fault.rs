//! What is put into a source: one small fault.

use std::ops::Range;

use serde::Serialize;

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The body of a match arm is that of the next arm.
    Arm,
    /// `+` is `-`, and the like.
    Arithmetic,
    /// A function returns at once.
    Body,
    /// A call in a chain is left out.
    Call,
    /// `<` is `<=`, and the like.
    Comparison,
    /// A condition always holds, or never.
    Condition,
    /// A number is one more, a truth its opposite.
    Literal,
    /// `&&` is `||`, `!x` is `x`.
    Logic,
    /// Another function is called: `min` for `max`.
    Name,
    /// `Some` of something is `None`.
    Nothing,
    /// A statement is left out.
    Statement,
    /// A condition in DynamoDB's language is another.
    Text,
    /// One variant of an enumeration for another.
    Variant,
}

impl Kind {
    /// Its name, in a table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Arm => "arm",
            Kind::Arithmetic => "arithmetic",
            Kind::Body => "body",
            Kind::Call => "call",
            Kind::Comparison => "comparison",
            Kind::Condition => "condition",
            Kind::Literal => "literal",
            Kind::Logic => "logic",
            Kind::Name => "name",
            Kind::Nothing => "nothing",
            Kind::Statement => "statement",
            Kind::Text => "text",
            Kind::Variant => "variant",
        }
    }
}

/// How the source is rewritten where the fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// An expression inside others: in parentheses.
    Expression,
    /// The body of an arm or a closure, which may have been a block: in braces.
    Block,
    /// A statement, which is left out.
    Statement,
    /// The start of a function's body, where it returns.
    Entry,
}

/// A place in a file, and what could stand there instead.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which fault this is. The faults of one place have numbers that follow each other.
    pub id: u32,
    /// Its kind.
    pub kind: Kind,
    /// The file, by its path from the root of the repository.
    pub file: String,
    /// The function, with the type that it belongs to.
    pub function: String,
    /// The line, from 1.
    pub line: usize,
    /// What is replaced, as bytes of the file.
    pub range: Range<usize>,
    /// How.
    pub form: Form,
    /// What stands there.
    pub was: String,
    /// What stands there instead. Nothing, if it is left out.
    pub becomes: String,
}

impl Fault {
    /// One line that says where it is and what it does.
    pub fn says(&self) -> String {
        let Fault { file, line, function, .. } = self;
        let (was, becomes) = (short(&self.was), short(&self.becomes));
        let what = match self.form {
            Form::Statement => format!("without `{was}`"),
            Form::Entry => format!("begins with `{becomes}`"),
            Form::Expression | Form::Block => format!("`{was}` is `{becomes}`"),
        };
        format!("{file}:{line} {function}: {what}")
    }
}

/// A piece of a source in one line of at most 60 characters.
pub fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
