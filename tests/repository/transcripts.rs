//! The transcripts of the adapter that are kept, and the scenes that play them.

use super::committed::{Files, assert_none, committed, files};

const KEPT: &str = "impl/tests/transcripts/";
const SCENES: &str = "impl/tests/it/costs/transcripts/";

/// The transcripts that no scene plays.
fn unplayed(files: &Files) -> Vec<String> {
    let scenes: String = files
        .iter()
        .filter(|(file, _)| file.starts_with(SCENES))
        .map(|(_, text)| &**text)
        .collect();
    let kept = files.iter().filter_map(|(file, _)| file.strip_prefix(KEPT)?.strip_suffix(".txt"));
    let is_played = |name: &str| match name.strip_prefix("design_") {
        Some(design) => scenes.contains(&format!("of(\"{}\")", design.replace('_', "-"))),
        None => scenes.contains(&format!("\"{name}\"")),
    };
    kept.filter(|name| !is_played(name)).map(|name| format!("{KEPT}{name}.txt")).collect()
}

#[test]
fn each_transcript_that_is_kept_is_played() {
    assert_none("no scene plays these transcripts", &unplayed(&committed()));
}

#[test]
fn a_transcript_whose_scene_is_gone_is_noticed() {
    let scene = (&*format!("{SCENES}working.rs"), "transcript(\"a\", …); of(\"no-counter\")");
    let kept =
        ["a", "b", "design_no_counter", "design_other"].map(|name| format!("{KEPT}{name}.txt"));
    let all: Vec<_> = kept.iter().map(|file| (&**file, "")).chain([scene]).collect();
    assert_eq!(unplayed(&files(&all)), [&*kept[1], &*kept[3]]);
}
