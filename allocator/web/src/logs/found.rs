//! Marks what somebody searched for.

use std::ops::Range;

use super::ansi::Span;

/// Splits spans so that each place that holds `text`, in small or capital letters, is one of its own.
pub(super) fn marked(spans: Vec<Span>, text: &str) -> Vec<Span> {
    let mut marked = Vec::with_capacity(spans.len());
    for Span { class, text: line, .. } in spans {
        let mut rest = line.as_str();
        let mut add = |text: &str, is_found| {
            if !text.is_empty() {
                marked.push(Span { class: class.clone(), text: text.to_owned(), is_found });
            }
        };
        while let Some(place) = find(rest, text) {
            add(&rest[..place.start], false);
            add(&rest[place.clone()], true);
            rest = &rest[place.end..];
        }
        add(rest, false);
    }
    marked
}

/// Where `text` stands first. Never empty.
fn find(line: &str, text: &str) -> Option<Range<usize>> {
    let mut starts = line.char_indices().map(|(start, _)| start);
    starts
        .find_map(|start| Some(start..start + length_of(&line[start..], text)?))
        .filter(|place| !place.is_empty())
}

/// How long `text` is at the start of `line`, in bytes: its small and capital letters may differ.
fn length_of(line: &str, text: &str) -> Option<usize> {
    let mut wanted = text.chars().flat_map(char::to_lowercase).peekable();
    for (at, character) in line.char_indices() {
        if wanted.peek().is_none() {
            return Some(at);
        }
        if !character.to_lowercase().all(|small| wanted.next() == Some(small)) {
            return None;
        }
    }
    wanted.peek().is_none().then_some(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str, text: &str) -> Vec<(String, bool)> {
        let span = Span { class: String::new(), text: line.to_owned(), is_found: false };
        marked(vec![span], text).into_iter().map(|span| (span.text, span.is_found)).collect()
    }

    #[test]
    fn every_place_is_found_whatever_its_case() {
        let piece = |text: &str, is_found| (text.to_owned(), is_found);
        assert_eq!(
            of("Äh, äH!", "äh"),
            [piece("Äh", true), piece(", ", false), piece("äH", true), piece("!", false)]
        );
        assert_eq!(of("aaa", "aa"), [piece("aa", true), piece("a", false)]);
        assert_eq!(of("abc", "abcd"), [piece("abc", false)]);
        assert_eq!(of("abc", ""), [piece("abc", false)]);
    }
}
