//! The picture in `docs/architecture.md` shows the rooms of each crate, from top to bottom.

use crate::architecture::{PLANS, Plan};
use crate::committed::{assert_none, committed, text_of};

/// The folder that a crate is known by.
fn folder(plan: &Plan) -> &'static str {
    plan.src.split('/').next().unwrap_or_default()
}

/// Rooms that the picture in `docs/architecture.md` lacks, or has above one that the list has above
/// it.
fn misdrawn(page: &str, plans: &[Plan]) -> Vec<String> {
    let picture: Vec<_> = page.split("```").nth(1).unwrap_or_default().lines().collect();
    let begins = |line: &&str, plan: &Plan| line.starts_with(&format!("{}/ ", folder(plan)));
    let mut faults = Vec::new();
    for plan in plans {
        let begin = picture.iter().position(|line| begins(line, plan)).unwrap_or(picture.len());
        let drawn = picture[begin..].iter().enumerate();
        let other = |line: &&str| plans.iter().any(|other| begins(line, other));
        let drawn: Vec<_> = drawn.take_while(|(at, line)| *at == 0 || !other(line)).collect();
        let mut floor = 0;
        for room in plan.rooms {
            // Each stands at the beginning of a column.
            let first = |column: &str| column.split_whitespace().next().map(str::to_owned);
            let is_room = |word: String| word.trim_end_matches('/') == *room;
            let has = |line: &str| line.split("  ").filter_map(first).any(is_room);
            match drawn.iter().find(|(_, line)| has(line)) {
                None => faults.push(format!("{} is drawn without `{room}`", plan.src)),
                Some((at, _)) if *at < floor => {
                    faults.push(format!("{}: `{room}` is drawn too high", plan.src));
                }
                Some((at, _)) => floor = *at,
            }
        }
    }
    faults
}

#[test]
fn the_picture_shows_the_rooms() {
    let committed = committed();
    let faults = misdrawn(text_of(&committed, "docs/architecture.md"), &PLANS);
    assert_none("docs/architecture.md", &faults);
}

#[test]
fn a_room_that_is_drawn_too_high_or_not_at_all_is_found() {
    let plans = [
        Plan { src: "a/src", rooms: &["top", "middle", "ground"], knots: &[] },
        Plan { src: "src", rooms: &["top"], knots: &[] },
    ];
    let good = "```text\nsrc/  x  top/\n  |\na/  y  top/  words\n  |  middle  ground/\n```";
    assert_eq!(misdrawn(good, &plans), [""; 0]);
    let bad = good.replace("middle  ", "").replace("words", "words ground");
    assert_eq!(misdrawn(&bad, &plans), ["a/src is drawn without `middle`"]);
    let high = "```text\nsrc/  x  top/\na/  y  ground\n  |  top/  middle\n```";
    assert_eq!(misdrawn(high, &plans), ["a/src: `ground` is drawn too high"]);
}
