//! Rewrites a source so that it has all its faults at once, each behind a switch.
//!
//! One build then serves every fault: a process has the one whose number is in its environment.

use std::ops::Range;

use crate::fault::{Fault, Form};

/// The module that every woven crate gets: which fault this process has.
pub const SWITCH: &str = r#"
#[doc(hidden)]
#[allow(missing_docs, dead_code)]
pub mod source_mutant {
    use std::sync::atomic::{AtomicU32, Ordering};

    static CHOSEN: AtomicU32 = AtomicU32::new(u32::MAX);

    #[inline(always)]
    fn chosen() -> u32 {
        match CHOSEN.load(Ordering::Relaxed) {
            u32::MAX => first(),
            known => known,
        }
    }

    #[cold]
    fn first() -> u32 {
        let named = std::env::var("GAPLESS_SOURCE_MUTANT").ok();
        let known = named.and_then(|id| id.parse().ok()).unwrap_or(0);
        CHOSEN.store(known, Ordering::Relaxed);
        known
    }

    /// Whether the fault is this one.
    #[inline(always)]
    pub fn on(id: u32) -> bool {
        chosen() == id
    }

    /// Whether the fault is none of these.
    #[inline(always)]
    pub fn off(first: u32, last: u32) -> bool {
        let id = chosen();
        id < first || id > last
    }
}
"#;

/// A source with its faults.
#[derive(Debug, Default)]
pub struct Woven {
    /// The text.
    pub text: String,
    /// Where each fault's own text is, and the whole place that it is a choice in.
    pub places: Vec<Place>,
}

/// Where a fault came to be in the woven text.
#[derive(Debug)]
pub struct Place {
    /// Which.
    pub id: u32,
    /// What it puts there.
    pub own: Range<usize>,
    /// The choice, with what stood there before.
    pub whole: Range<usize>,
}

/// The faults of one place.
struct Group<'a> {
    range: Range<usize>,
    form: Form,
    faults: Vec<&'a Fault>,
}

/// Weaves these faults, all of one file, into its text.
pub fn weave(text: &str, faults: &[&Fault]) -> Woven {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut sorted = faults.to_vec();
    // The outer first. A function's entry is inside of whatever begins where it is.
    sorted.sort_by_key(|fault| (fault.range.start, usize::MAX - fault.range.end, fault.id));
    for fault in sorted {
        match groups.last_mut() {
            Some(group) if group.range == fault.range => {
                group.form = group.form.max(fault.form);
                group.faults.push(fault);
            }
            _ => groups.push(Group {
                range: fault.range.clone(),
                form: fault.form,
                faults: vec![fault],
            }),
        }
    }
    let mut woven = Woven::default();
    woven.write(text, 0..text.len(), &groups);
    woven
}

impl Woven {
    fn write(&mut self, text: &str, range: Range<usize>, mut groups: &[Group<'_>]) {
        let mut at = range.start;
        while let Some((group, others)) = groups.split_first() {
            let inner =
                others.iter().take_while(|other| other.range.end <= group.range.end).count();
            let (children, rest) = others.split_at(inner);
            self.text.push_str(&text[at..group.range.start]);
            self.choose(text, group, children);
            (at, groups) = (group.range.end, rest);
        }
        self.text.push_str(&text[at..range.end]);
    }

    fn choose(&mut self, text: &str, group: &Group<'_>, children: &[Group<'_>]) {
        let start = self.text.len();
        let mut own = Vec::new();
        if group.form == Form::Entry {
            for fault in &group.faults {
                self.text.push_str(&format!(" if {SEEN}on({}) {{ ", fault.id));
                own.push((fault.id, self.alternative(fault)));
                self.text.push_str(" }");
            }
            self.write(text, group.range.clone(), children);
        } else {
            let (open, close) =
                if group.form == Form::Expression { ("(", ")") } else { ("{ ", " }") };
            let ids = || group.faults.iter().map(|fault| fault.id);
            let (first, last) = (ids().min().unwrap_or(0), ids().max().unwrap_or(0));
            self.text.push_str(&format!("{open}if {SEEN}off({first}, {last}) {{ "));
            // What stood there comes first: the compiler takes its type for the choice's.
            self.write(text, group.range.clone(), children);
            self.text.push_str(" }");
            for fault in &group.faults {
                let condition = if fault.id == last {
                    String::new()
                } else {
                    format!("if {SEEN}on({}) ", fault.id)
                };
                self.text.push_str(&format!(" else {condition}{{ "));
                own.push((fault.id, self.alternative(fault)));
                self.text.push_str(" }");
            }
            self.text.push_str(close);
        }
        let whole = start..self.text.len();
        self.places.extend(own.into_iter().map(|(id, own)| Place {
            id,
            own,
            whole: whole.clone(),
        }));
    }

    fn alternative(&mut self, fault: &Fault) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(&fault.becomes);
        start..self.text.len()
    }
}

const SEEN: &str = "crate::source_mutant::";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::find;

    /// Every text that can be put together is one that parses, and holds all the faults.
    #[test]
    fn woven_text_parses_and_holds_every_fault() {
        let source = "
            fn f(mut a: u32, b: Option<u32>) -> bool {
                a += 1;
                let c = |x: u32| x > 2 && !g(x);
                match b {
                    Some(x) if x < a => c(x.min(a).max(3)),
                    Some(_) => { return true; }
                    None => false,
                }
            }";
        let faults = find("some.rs", source, &[]).expect("it parses");
        let woven = weave(source, &faults.iter().collect::<Vec<_>>());
        assert!(syn::parse_file(&woven.text).is_ok(), "{}", woven.text);
        assert_eq!(woven.places.len(), faults.len());
        assert!(faults.len() > 12, "{faults:?}");
        for fault in &faults {
            let place = woven.places.iter().find(|place| place.id == fault.id);
            let place = place.expect("each has its place");
            assert_eq!(woven.text[place.own.clone()], fault.becomes);
        }
    }
}
