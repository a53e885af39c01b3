//! A sequence diagram as a picture.

use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Text, Title};

use super::diagram::{lane_of, lanes};
use super::story::Step;

const LANE: usize = 230;
const MARGIN: usize = 60;
const TOP: usize = 80;
const ROW: usize = 58;
const INK: &str = "#1b1f24";
const FAINT: &str = "#6e7781";
const FAULT: &str = "#c4341d";

/// Draws decisions, under a title.
pub fn drawing(title: &str, decisions: &[Step]) -> String {
    let lanes = lanes(decisions);
    let width = (2 * MARGIN + lanes.len() * LANE).max(title.len() * 9 + 2 * MARGIN);
    let height = TOP + 40 + decisions.len() * ROW + 40;
    let mut document = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("font-family", "system-ui, sans-serif")
        .set("font-size", 12)
        .add(Title::new(title))
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
        .add(words(title, MARGIN, 28, INK).set("font-size", 16).set("font-weight", 600));
    for (lane, name) in lanes.iter().enumerate() {
        let x = column(lane);
        document = document
            .add(words(name, x, TOP - 12, INK).set("text-anchor", "middle").set("font-weight", 600))
            .add(stroke(x, TOP, x, height - 30, "#d0d7de"));
    }
    for (index, decision) in decisions.iter().enumerate() {
        let y = TOP + 40 + index * ROW;
        let lane = lane_of(&lanes, decision);
        document = document.add(row(decision, column(lane), column(lanes.len() - 1), y));
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
