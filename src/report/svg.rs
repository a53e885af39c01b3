//! A sequence diagram as a picture.

use gapless_model::explanation::{Explanation, wrapped};
use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Text, Title};

use super::diagram::{lane_of, lanes};
use super::story::Step;

const LANE: usize = 230;
const MARGIN: usize = 60;
const TOP: usize = 80;
const ROW: usize = 58;
/// How high a line of prose is.
const LINE: usize = 18;
const INK: &str = "#1b1f24";
const FAINT: &str = "#6e7781";
const FAULT: &str = "#c4341d";

/// Draws steps, under a title.
pub fn drawing(title: &str, steps: &[Step]) -> String {
    draw(title, &[], steps, &[])
}

/// The same with what went wrong above the steps, and the end below them.
pub fn explained(title: &str, explanation: &Explanation, steps: &[Step]) -> String {
    let width = width(title, steps);
    let sentence = wrapped(&explanation.sentence, letters(width, 13));
    let mut end = vec!["At the end:".to_owned()];
    end.extend(explanation.end.iter().cloned());
    if let Some(why) = &explanation.why {
        end.push(String::new());
        end.extend(wrapped(why, letters(width, 12)));
    }
    draw(title, &sentence, steps, &end)
}

fn width(title: &str, steps: &[Step]) -> usize {
    (2 * MARGIN + lanes(steps).len() * LANE).max(title.chars().count() * 9 + 2 * MARGIN)
}

/// How many letters of a font's size find room between the margins.
fn letters(width: usize, size: usize) -> usize {
    (width - 2 * MARGIN) * 5 / (size * 3)
}

fn draw(title: &str, above: &[String], steps: &[Step], below: &[String]) -> String {
    let lanes = lanes(steps);
    let width = width(title, steps);
    let top = TOP + above.len() * LINE;
    let bottom = top + 40 + steps.len() * ROW;
    let height = bottom + 40 + below.len() * LINE;
    let mut document = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("font-family", "system-ui, sans-serif")
        .set("font-size", 12)
        .add(Title::new(title))
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
        .add(words(title, MARGIN, 28, INK).set("font-size", 16).set("font-weight", 600));
    for (index, line) in above.iter().enumerate() {
        document = document.add(words(line, MARGIN, 52 + index * LINE, INK).set("font-size", 13));
    }
    for (lane, name) in lanes.iter().enumerate() {
        let x = column(lane);
        document = document
            .add(words(name, x, top - 12, INK).set("text-anchor", "middle").set("font-weight", 600))
            .add(stroke(x, top, x, bottom + 10, "#d0d7de"));
    }
    for (index, step) in steps.iter().enumerate() {
        let y = top + 40 + index * ROW;
        let lane = lane_of(&lanes, step);
        document = document.add(row(step, column(lane), column(lanes.len() - 1), y));
    }
    for (index, line) in below.iter().enumerate() {
        document = document.add(words(line, MARGIN, bottom + 40 + index * LINE, INK));
    }
    document.to_string()
}

fn column(lane: usize) -> usize {
    MARGIN + lane * LANE + LANE / 2
}

/// One decision: an arrow there and back, or words at a lane; and the state below.
fn row(decision: &Step, from: usize, store: usize, y: usize) -> Group {
    let ink = if decision.line.fault.is_some() { FAULT } else { INK };
    let mut did = decision.line.did.clone();
    if let Some(fault) = &decision.line.fault {
        did = format!("{did} [{fault}]");
    }
    let group = Group::new()
        .add(words(&format!("{}.", decision.line.step), 12, y, FAINT))
        .add(words(&decision.state, MARGIN, y + 36, FAINT).set("font-size", 10));
    match &decision.line.answer {
        Some(answer) if from != store => {
            let back = if decision.line.heard { from + 8 } else { from + (store - from) / 3 };
            let tip = if decision.line.heard { "◀" } else { "✕" };
            group
                .add(stroke(from, y, store, y, ink))
                .add(words("▶", store - 10, y + 4, ink))
                .add(words(&did, from + 12, y - 5, ink))
                .add(stroke(back, y + 16, store, y + 16, ink).set("stroke-dasharray", "5 4"))
                .add(words(tip, back - 8, y + 20, ink))
                .add(words(answer, store - 12, y + 12, ink).set("text-anchor", "end"))
        }
        answer => {
            let said = answer.as_ref().map_or(did.clone(), |answer| format!("{did}: {answer}"));
            let label = words(&said, from + 12, y + 4, ink);
            let label = if from == store {
                label.set("x", store - 12).set("text-anchor", "end")
            } else {
                label
            };
            group.add(words("●", from - 5, y + 4, ink)).add(label)
        }
    }
}

fn words(text: &str, x: usize, y: usize, ink: &str) -> Text {
    Text::new(text).set("x", x).set("y", y).set("fill", ink)
}

fn stroke(x1: usize, y1: usize, x2: usize, y2: usize, ink: &str) -> Line {
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2).set("stroke", ink)
}
