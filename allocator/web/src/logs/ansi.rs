//! Colours that programs give their text by ANSI escape sequences (ECMA-48 §8.3.117), as classes
//! of the stylesheet.

/// A stretch of a line that looks the same throughout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Classes of the stylesheet, divided by spaces; empty: plain.
    pub class: String,
    pub text: String,
    /// It is what somebody searched for.
    pub is_found: bool,
}

/// Splits a line where its looks change. The sequences themselves are gone.
pub(super) fn spans(line: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut looks = Looks::default();
    for (nr, part) in line.split("\u{1b}[").enumerate() {
        let mut text = part;
        if nr > 0
            && let Some((codes, rest)) = part.split_once('m')
            && codes.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'))
        {
            looks.apply(codes);
            text = rest;
        }
        if !text.is_empty() {
            spans.push(Span { class: looks.class(), text: text.to_owned(), is_found: false });
        }
    }
    spans
}

#[derive(Default)]
struct Looks {
    /// 0 to 7, and 8 to 15 for the bright ones.
    colour: Option<u8>,
    background: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
}

impl Looks {
    fn apply(&mut self, codes: &str) {
        let mut codes = codes.split([';', ':']).map(|code| code.parse().unwrap_or(0_u8));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 => self.colour = Some(code - 30),
                38 => self.colour = extended(&mut codes),
                39 => self.colour = None,
                40..=47 => self.background = Some(code - 40),
                48 => self.background = extended(&mut codes),
                49 => self.background = None,
                90..=97 => self.colour = Some(code - 90 + 8),
                100..=107 => self.background = Some(code - 100 + 8),
                _ => {}
            }
        }
    }

    fn class(&self) -> String {
        let flags = [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.italic, "italic"),
            (self.underline, "underline"),
        ];
        let colours = [("fg", self.colour), ("bg", self.background)];
        let colours = colours
            .into_iter()
            .filter_map(|(kind, colour)| colour.map(|colour| format!("{kind}-{colour}")));
        let flags = flags.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned());
        colours.chain(flags).collect::<Vec<_>>().join(" ")
    }
}

/// One of 256 colours (`5;n`), or of all (`2;r;g;b`). Only the first 16 have a class.
fn extended(codes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    match codes.next()? {
        5 => codes.next().filter(|colour| *colour < 16),
        2 => codes.nth(2).and(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<(String, String)> {
        spans(line).into_iter().map(|span| (span.class, span.text)).collect()
    }

    fn span(class: &str, text: &str) -> (String, String) {
        (class.to_owned(), text.to_owned())
    }

    #[test]
    fn colours_become_classes() {
        assert_eq!(
            of("a\u{1b}[31mb\u{1b}[1;44mc\u{1b}[0md"),
            [span("", "a"), span("fg-1", "b"), span("fg-1 bg-4 bold", "c"), span("", "d")]
        );
        assert_eq!(of("\u{1b}[93;2;3;4mx"), [span("fg-11 dim italic underline", "x")]);
        assert_eq!(of("\u{1b}[1;32mx\u{1b}[22;39my\u{1b}[mz").last(), Some(&span("", "z")));
    }

    #[test]
    fn colours_without_a_class_swallow_their_parameters() {
        assert_eq!(of("\u{1b}[38;5;9mx"), [span("fg-9", "x")]);
        assert_eq!(of("\u{1b}[38;5;200mx"), [span("", "x")]);
        assert_eq!(of("\u{1b}[38;2;1;4;31;1mx"), [span("bold", "x")]);
        assert_eq!(of("\u{1b}[38mx"), [span("", "x")]);
    }

    #[test]
    fn a_line_without_colours_is_one_span() {
        assert_eq!(of("<b>plain</b>"), [span("", "<b>plain</b>")]);
        assert_eq!(of(""), []);
    }
}
