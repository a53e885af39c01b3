//! Markdown, as far as its links and headings go.

/// Where `[…](…)`, `[…]: …`, `href="…"` and `src="…"` lead, with their lines; not in code.
pub fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (line, text) in prose(text) {
        if let Some((_, target)) = text.strip_prefix('[').and_then(|text| text.split_once("]: ")) {
            links.push((line, target.trim()));
        }
        // A title that is code has its `](` outside of the code.
        for part in text.split('`').step_by(2) {
            for (begin, end) in [("](", ')'), ("href=\"", '"'), ("src=\"", '"')] {
                let targets = part.split(begin).skip(1).filter_map(|rest| rest.split(end).next());
                links.extend(targets.map(|target| (line, target.trim())));
            }
        }
    }
    links.retain(|(_, target)| !target.is_empty());
    links
}

/// The section of a page whose heading is `## name: …`; nothing if there is none.
pub fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let begins = format!("{name}:");
    page.split("\n## ").find(|section| section.starts_with(&begins)).unwrap_or_default()
}

/// The names in `[…][name]` that no `[name]: …` defines, with their lines; not in code.
pub fn undefined(text: &str) -> Vec<(usize, &str)> {
    let defined =
        |name: &str| prose(text).any(|(_, line)| line.starts_with(&format!("[{name}]: ")));
    let mut names = Vec::new();
    for (line, text) in prose(text) {
        for part in text.split('`').step_by(2) {
            let named = part.split("][").skip(1).filter_map(|rest| rest.split(']').next());
            names.extend(named.map(|name| (line, name)));
        }
    }
    names.retain(|(_, name)| !defined(name));
    names
}

/// The code within lines that is a name of several words, such as `one_of_a_function`, or that of a
/// source, such as `a/source.rs`, with their lines.
pub fn names(text: &str) -> Vec<(usize, &str)> {
    let is_name = |code: &str| {
        code.contains('_')
            && code.starts_with(|c: char| c.is_ascii_lowercase())
            && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    prose(text)
        .flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(move |code| (line, code)))
        .filter(|(_, code)| is_name(code) || code.ends_with(".rs"))
        .collect()
}

/// The lines outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((index + 1, line))
    })
}

/// The anchors that GitHub gives a text's headings.
pub fn headings(text: &str) -> Vec<String> {
    let titles =
        prose(text).filter_map(|(_, line)| Some(line.strip_prefix('#')?.trim_matches('#')));
    let mut anchors: Vec<String> = Vec::new();
    for title in titles {
        let kept = title.trim().to_lowercase().replace(' ', "-");
        let kept: String =
            kept.chars().filter(|c| c.is_alphanumeric() || ['-', '_'].contains(c)).collect();
        let again = anchors.iter().filter(|anchor| **anchor == kept).count();
        anchors.push(if again == 0 { kept } else { format!("{kept}-{again}") });
    }
    anchors
}

/// A path that is relative to a file, from the root.
pub fn resolved(file: &str, path: &str) -> String {
    let mut parts: Vec<_> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
