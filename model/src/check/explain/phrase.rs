//! Turns of phrase: how words are joined into sentences.

/// A request as the decision log words it, as something to do.
pub(super) fn asked(did: &str) -> String {
    // Without a fence its other condition comes first.
    let did = did.replace("release the lease and ", "release the lease if ");
    did.replace("0 triggers came", "no trigger came").replace("1 triggers came", "1 trigger came")
}

/// A step as the decision log words it, as something that is done.
pub(super) fn does(did: &str) -> String {
    const REQUESTS: [&str; 13] = [
        "read", "raise", "claim", "write", "void", "set", "take", "renew", "move", "release",
        "create", "seal", "merge",
    ];
    let text = asked(did);
    match text.split_once(' ') {
        Some((verb, rest)) if REQUESTS.contains(&verb) => {
            format!("{verb}s {}", rest.replace(" and write ", " and writes "))
        }
        Some(("leave", rest)) => format!("leaves {rest}"),
        _ => text,
    }
}

/// A length of time on a clock.
pub(super) fn ticks(count: usize) -> String {
    match count {
        1 => "one tick".to_owned(),
        count => format!("{count} ticks"),
    }
}
