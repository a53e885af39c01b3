//! A sequence diagram in plain text.

use std::fmt::Write as _;

use super::story::Step;

/// The lane of the tables.
pub const STORE: &str = "store";
/// The lane of the network, the clock and the triggers.
const WORLD: &str = "world";
/// How wide a lane is.
const LANE: usize = 26;
/// How much room the step's number takes.
const MARGIN: usize = 5;

/// The lanes of a diagram: the processes in order of appearance by name, then the tables.
pub fn lanes(decisions: &[Step]) -> Vec<String> {
    let mut lanes: Vec<String> =
        decisions.iter().map(|decision| decision.line.who.clone()).collect();
    lanes.sort();
    lanes.dedup();
    lanes.retain(|lane| lane != WORLD);
    lanes.push(STORE.to_owned());
    lanes
}

/// The place of a decision's actor among the lanes; the world acts on the tables.
pub fn lane_of(lanes: &[String], decision: &Step) -> usize {
    lanes.iter().position(|lane| *lane == decision.line.who).unwrap_or(lanes.len() - 1)
}

/// Draws decisions as arrows between lanes.
pub fn text(decisions: &[Step]) -> String {
    let lanes = lanes(decisions);
    let mut canvas = Canvas { lanes: lanes.len(), text: String::new() };
    canvas.head(&lanes);
    for decision in decisions {
        let lane = lane_of(&lanes, decision);
        let mut label = decision.line.did.clone();
        if let Some(fault) = &decision.line.fault {
            let _ = write!(label, " !{fault}");
        }
        match (&decision.line.answer, lane + 1 == lanes.len()) {
            (Some(answer), false) => {
                canvas.arrow(Some(decision.line.step), lane, &label, true, true);
                canvas.arrow(None, lane, answer, false, decision.line.heard);
            }
            (answer, _) => {
                let answer = answer.as_ref().map_or(String::new(), |text| format!(": {text}"));
                canvas.note(decision.line.step, lane, &format!("{label}{answer}"));
            }
        }
    }
    canvas.text
}

struct Canvas {
    lanes: usize,
    text: String,
}

/// The column of a lane's line.
fn column(lane: usize) -> usize {
    MARGIN + lane * LANE + LANE / 2
}

impl Canvas {
    fn head(&mut self, lanes: &[String]) {
        let mut line = " ".repeat(MARGIN);
        for lane in lanes {
            let _ = write!(line, "{lane:^LANE$}");
        }
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn blank(&self, step: Option<usize>) -> Vec<char> {
        let width = MARGIN + self.lanes * LANE;
        let mut line = vec![' '; width];
        for lane in 0..self.lanes {
            line[column(lane)] = '|';
        }
        if let Some(step) = step {
            for (index, digit) in format!("{step:>3}.").chars().enumerate() {
                line[index] = digit;
            }
        }
        line
    }

    /// An arrow between a lane and the tables, its label in the line.
    fn arrow(&mut self, step: Option<usize>, lane: usize, label: &str, there: bool, heard: bool) {
        let (from, to) = (column(lane) + 1, column(self.lanes - 1));
        let mut line = self.blank(step);
        // A reply that is not heard ends before it arrives.
        let lost = if heard { 0 } else { 4 };
        line[from + lost..to].fill('-');
        match (there, heard) {
            (true, _) => line[to - 1] = '>',
            (false, true) => line[from] = '<',
            (false, false) => line[from + lost] = 'x',
        }
        let room = to - from - lost - 4;
        let shown: Vec<char> = label.chars().collect();
        if shown.len() + 2 <= room {
            let start = from + lost + 2 + (room - shown.len()) / 2;
            line[start - 1] = ' ';
            for (index, character) in shown.iter().enumerate() {
                line[start + index] = *character;
            }
            line[start + shown.len()] = ' ';
            self.push(&line);
        } else {
            self.push(&line);
            self.note_line(None, lane, label);
        }
    }

    /// Words at a lane.
    fn note(&mut self, step: usize, lane: usize, words: &str) {
        self.note_line(Some(step), lane, words);
    }

    fn note_line(&mut self, step: Option<usize>, lane: usize, words: &str) {
        let mut line = self.blank(step);
        let last = lane + 1 == self.lanes;
        let words: Vec<char> = words.chars().collect();
        line[column(lane)] = if step.is_some() { '*' } else { '|' };
        let start = if last {
            column(lane).saturating_sub(words.len() + 1).max(MARGIN)
        } else {
            column(lane) + 2
        };
        let end = start + words.len();
        line.resize(line.len().max(end + 1), ' ');
        for (index, character) in words.iter().enumerate() {
            line[start + index] = *character;
        }
        // A line that crosses the words would be read as one of them.
        if start > 0 && line[start - 1] == '|' {
            line[start - 1] = ' ';
        }
        if line[end] == '|' {
            line[end] = ' ';
        }
        self.push(&line);
    }

    fn push(&mut self, line: &[char]) {
        let line: String = line.iter().collect();
        let _ = writeln!(self.text, "{}", line.trim_end());
    }
}
