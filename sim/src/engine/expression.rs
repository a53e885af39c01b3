//! The part of DynamoDB's expressions that the stream's tables need: conditions and updates
//! over attributes and the attributes of maps.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// An item, as its attributes.
pub(super) type Item = Map<String, Value>;

/// The path to an attribute, as it was written, with `#` placeholders.
pub(super) type AttributePath = Vec<String>;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Exists(AttributePath),
    NotExists(AttributePath),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Equal,
    Below,
    AtMost,
    Above,
}

/// An operand.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    AttributePath(AttributePath),
    Value(String),
    IfNotExists(AttributePath, Box<Operand>),
    Sum(Box<Operand>, Box<Operand>),
}

/// An update.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Update {
    pub(super) set: Vec<(AttributePath, Operand)>,
    pub(super) remove: Vec<AttributePath>,
}

/// The values of a call's placeholders.
#[derive(Clone, Copy)]
pub(super) struct Placeholders<'a> {
    pub(super) names: &'a Value,
    pub(super) values: &'a Value,
}

impl Placeholders<'_> {
    pub(super) fn name<'b>(&'b self, written: &'b str) -> &'b str {
        if written.starts_with('#') {
            self.names[written].as_str().unwrap_or(written)
        } else {
            written
        }
    }

    fn find<'b>(&self, item: &'b Item, path: &AttributePath) -> Option<&'b Value> {
        let (first, rest) = path.split_first()?;
        let mut found = item.get(self.name(first))?;
        for name in rest {
            found = found.get("M")?.get(self.name(name))?;
        }
        Some(found)
    }

    fn value(&self, item: &Item, operand: &Operand) -> Option<Value> {
        match operand {
            Operand::AttributePath(path) => self.find(item, path).cloned(),
            Operand::Value(name) => self.values.get(name).cloned(),
            Operand::IfNotExists(path, otherwise) => {
                self.find(item, path).cloned().or_else(|| self.value(item, otherwise))
            }
            Operand::Sum(left, right) => {
                let number =
                    |operand| self.value(item, operand)?.get("N")?.as_str()?.parse::<i128>().ok();
                let sum = number(left)? + number(right)?;
                Some(serde_json::json!({ "N": sum.to_string() }))
            }
        }
    }

    pub(super) fn holds(&self, item: &Item, condition: &Condition) -> bool {
        match condition {
            Condition::And(all) => all.iter().all(|condition| self.holds(item, condition)),
            Condition::Or(any) => any.iter().any(|condition| self.holds(item, condition)),
            Condition::Exists(path) => self.find(item, path).is_some(),
            Condition::NotExists(path) => self.find(item, path).is_none(),
            Condition::Compare(left, comparison, right) => {
                match (self.value(item, left), self.value(item, right)) {
                    (Some(left), Some(right)) => compares(&left, *comparison, &right),
                    // A missing attribute is neither equal to anything nor less.
                    _ => false,
                }
            }
        }
    }

    /// Applies an update. Every operand sees the item as it was before. Returns nothing if a
    /// path leads into something that is not a map.
    pub(super) fn apply(&self, item: &Item, update: &Update) -> Option<Item> {
        let mut changed = item.clone();
        for (path, operand) in &update.set {
            let value = self.value(item, operand)?;
            let (last, parents) = path.split_last()?;
            let mut map = &mut changed;
            for parent in parents {
                map = map.get_mut(self.name(parent))?.get_mut("M")?.as_object_mut()?;
            }
            map.insert(self.name(last).to_owned(), value);
        }
        for path in &update.remove {
            if let [name] = path.as_slice() {
                changed.remove(self.name(name));
            }
        }
        Some(changed)
    }
}

fn compares(left: &Value, comparison: Comparison, right: &Value) -> bool {
    let number = |value: &Value| value.get("N")?.as_str()?.parse::<i128>().ok();
    let order = match (number(left), number(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ if left == right => Some(Ordering::Equal),
        _ => None,
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::Below => order == Some(Ordering::Less),
        Comparison::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Above => order == Some(Ordering::Greater),
    }
}

/// Parses a condition.
pub(super) fn condition(text: &str) -> Option<Condition> {
    let mut parser = Parser { tokens: tokens(text), next: 0 };
    let condition = parser.disjunction()?;
    parser.is_at_end().then_some(condition)
}

/// Parses an update.
pub(super) fn update(text: &str) -> Option<Update> {
    let mut parser = Parser { tokens: tokens(text), next: 0 };
    let mut update = Update::default();
    if parser.accept("SET") {
        loop {
            let path = parser.path()?;
            parser.expect("=")?;
            update.set.push((path, parser.sum()?));
            if !parser.accept(",") {
                break;
            }
        }
    }
    if parser.accept("REMOVE") {
        loop {
            update.remove.push(parser.path()?);
            if !parser.accept(",") {
                break;
            }
        }
    }
    parser.is_at_end().then_some(update)
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let named = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | ':' | '-');
        let end = match rest.find(|c: char| !named(c)).unwrap_or(rest.len()) {
            0 if rest.starts_with("<=") => 2,
            0 => rest.chars().next().map_or(1, char::len_utf8),
            end => end,
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn is_at_end(&self) -> bool {
        self.next == self.tokens.len()
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.tokens.get(self.next) == Some(&token);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.accept(token).then_some(())
    }

    fn next_token(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.next).copied()?;
        self.next += 1;
        Some(token)
    }

    fn disjunction(&mut self) -> Option<Condition> {
        let mut any = vec![self.conjunction()?];
        while self.accept("OR") {
            any.push(self.conjunction()?);
        }
        if any.len() == 1 { any.pop() } else { Some(Condition::Or(any)) }
    }

    fn conjunction(&mut self) -> Option<Condition> {
        let mut all = vec![self.term()?];
        while self.accept("AND") {
            all.push(self.term()?);
        }
        if all.len() == 1 { all.pop() } else { Some(Condition::And(all)) }
    }

    fn term(&mut self) -> Option<Condition> {
        if self.accept("(") {
            let inner = self.disjunction()?;
            self.expect(")")?;
            return Some(inner);
        }
        for (function, made) in [
            ("attribute_exists", Condition::Exists as fn(AttributePath) -> Condition),
            ("attribute_not_exists", Condition::NotExists),
        ] {
            if self.accept(function) {
                self.expect("(")?;
                let path = self.path()?;
                self.expect(")")?;
                return Some(made(path));
            }
        }
        let left = self.operand()?;
        let comparison = match self.next_token()? {
            "=" => Comparison::Equal,
            "<" => Comparison::Below,
            "<=" => Comparison::AtMost,
            ">" => Comparison::Above,
            _ => return None,
        };
        Some(Condition::Compare(left, comparison, self.operand()?))
    }

    fn sum(&mut self) -> Option<Operand> {
        let left = self.operand()?;
        if !self.accept("+") {
            return Some(left);
        }
        Some(Operand::Sum(Box::new(left), Box::new(self.operand()?)))
    }

    fn operand(&mut self) -> Option<Operand> {
        if self.accept("if_not_exists") {
            self.expect("(")?;
            let path = self.path()?;
            self.expect(",")?;
            let otherwise = self.operand()?;
            self.expect(")")?;
            return Some(Operand::IfNotExists(path, Box::new(otherwise)));
        }
        if self.tokens.get(self.next)?.starts_with(':') {
            return Some(Operand::Value(self.next_token()?.to_owned()));
        }
        Some(Operand::AttributePath(self.path()?))
    }

    fn path(&mut self) -> Option<AttributePath> {
        let mut path = vec![self.next_token()?.to_owned()];
        while self.accept(".") {
            path.push(self.next_token()?.to_owned());
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(value: Value) -> Item {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_condition_on_a_missing_attribute_does_not_hold() {
        let names = json!({ "#epoch": "epoch" });
        let values = json!({ ":epoch": { "N": "7" } });
        let placeholders = Placeholders { names: &names, values: &values };
        let equal = condition("(#epoch = :epoch)").expect("a condition");
        let at_most = condition("#epoch <= :epoch").expect("a condition");
        for (found, holds) in [(json!({}), false), (json!({ "epoch": { "N": "7" } }), true)] {
            assert_eq!(placeholders.holds(&item(found.clone()), &equal), holds);
            assert_eq!(placeholders.holds(&item(found), &at_most), holds);
        }
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let read = condition("attribute_exists(a) AND attribute_exists(b) OR attribute_exists(c)");
        let Some(Condition::Or(any)) = read else { panic!("{read:?}") };
        assert!(matches!(any[0], Condition::And(_)));
    }

    #[test]
    fn an_update_sees_the_item_as_it_was_before() {
        let names = json!({ "#head": "head", "#raiser": "raiser" });
        let values = json!({ ":zero": { "N": "0" }, ":one": { "N": "1" } });
        let placeholders = Placeholders { names: &names, values: &values };
        let text = "SET #head = if_not_exists(#head, :zero) + :one, #raiser = if_not_exists(#head, :zero) + :one REMOVE gone";
        let update = update(text).expect("an update");
        let before = item(json!({ "head": { "N": "4" }, "gone": { "S": "x" } }));
        let after = placeholders.apply(&before, &update).expect("it applies");
        assert_eq!(Value::Object(after), json!({ "head": { "N": "5" }, "raiser": { "N": "5" } }));
    }

    #[test]
    fn invalid_expressions_are_refused() {
        for text in ["", "a =", "(a = :b", "a ~ :b", "a = :b c"] {
            assert_eq!(condition(text), None, "{text}");
        }
    }
}
