//! The words that a counterexample uses, for readers who meet them for the first time.

use std::fmt::Write as _;

use crate::explanation::wrapped;

/// A word, what in a text shows that it is used, and what it means.
struct Term {
    word: &'static str,
    signs: &'static [&'static str],
    meaning: &'static str,
}

const TERMS: &[Term] = &[
    Term { word: "A1", signs: &["A1"], meaning: "the first event of producer A" },
    Term {
        word: "A1'",
        signs: &["A1' ", "A1',", "B1' ", "B1',"],
        meaning: "the same input after a crash of producer A, appended anew as another event",
    },
    Term {
        word: "second run",
        signs: &["second run", "producer A' ", "producer B' ", "producer C' ", "producer D' "],
        meaning: "another process under the name of producer A, started while the first is alive; \
                  in the steps it is producer A'",
    },
    Term {
        word: "turn 2",
        signs: &["'s turn "],
        meaning: "the worker's second turn: each turn owns its lease under a name of its own, so that \
                  it takes no other's for its own",
    },
    Term { word: "p1", signs: &[" p1", " p2", " p3"], meaning: "the first partition" },
    Term {
        word: "sealed",
        signs: &["sealed for"],
        meaning: "a sealed partition gives out no more numbers, and others take its place: p2 and p3 \
                  are the halves of p1, p4 is what those are merged into, and p5 what p3 is split into \
                  instead",
    },
    Term {
        word: "slot",
        signs: &["slot "],
        meaning: "a place in the partition's order: the item of the Events table with that sequence \
                  number",
    },
    Term {
        word: "void",
        signs: &["void"],
        meaning: "an item that marks a slot as one that will never hold an event, so that readers \
                  can pass it",
    },
    Term {
        word: "head",
        signs: &["head"],
        meaning: "the counter that gives out sequence numbers: a producer raises it, then writes the \
                  slot that it was given",
    },
    Term {
        word: "record",
        signs: &["record"],
        meaning: "what a named producer appended last, kept beside the head; a restart claims the \
                  name, which raises the record's epoch, and looks there before it appends",
    },
    Term {
        word: "acknowledged",
        signs: &["acknowledged"],
        meaning: "the producer was told that its event is stored",
    },
    Term {
        word: "group",
        signs: &["group g"],
        meaning: "an independent reader of the stream (g1, g2), served by workers in turns",
    },
    Term {
        word: "checkpoint",
        signs: &["checkpoint"],
        meaning: "the last slot that a group has finished; its workers read on from there",
    },
    Term {
        word: "lease",
        signs: &["lease"],
        meaning: "the right of one worker at a time to consume for a group; it ends by itself unless \
                  renewed",
    },
    Term {
        word: "epoch",
        signs: &["epoch"],
        meaning: "a lease's generation, a fencing token: each new owner should get a higher one",
    },
    Term {
        word: "trigger",
        signs: &["trigger"],
        meaning: "a notification that there is work, which wakes a worker; it is used up once that \
                  worker finds nothing more to read",
    },
    Term {
        word: "tick",
        signs: &["tick"],
        meaning: "the checker's unit of time: a lease lasts two ticks, and its owner renews it \
                  after one",
    },
    Term {
        word: "fault",
        signs: &["[fault:"],
        meaning: "something that the checker lets go wrong in this step",
    },
];

/// Explains the words that a text uses.
#[must_use]
pub fn glossary(text: &str) -> String {
    let used: Vec<&Term> =
        TERMS.iter().filter(|term| term.signs.iter().any(|sign| text.contains(sign))).collect();
    let width = used.iter().map(|term| term.word.len()).max().unwrap_or(0);
    let mut lines = String::from("Words:\n");
    for Term { word, meaning, .. } in used {
        for (index, line) in wrapped(meaning, 96 - width).iter().enumerate() {
            let shown = if index == 0 { *word } else { "" };
            let _ = writeln!(lines, "  {shown:<width$}  {line}");
        }
    }
    lines
}
