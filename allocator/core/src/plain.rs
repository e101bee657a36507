//! Makes text of other programs fit to be read: takes out what a terminal would obey.

use std::borrow::Cow;

const ESCAPE: char = '\u{1b}';

/// The text without escape sequences, control characters but the line feed and the tab, and marks
/// that turn the direction of reading.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let taken = sequence(rest).map_or(character.len_utf8(), str::len);
        if is_harmless(character) {
            plain.push(character);
        }
        rest = &rest[taken..];
    }
    Cow::Owned(plain)
}

/// An error with its causes, as a line that is fit to be read.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    plain(&text).into_owned()
}

/// Like [`plain`], but a terminal's colours stay.
pub(crate) fn coloured(text: &str) -> String {
    let mut coloured = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let sequence = sequence(rest);
        let is_colour = |it: &&str| it.starts_with("\u{1b}[") && it.ends_with('m');
        match sequence.filter(is_colour) {
            Some(colour) => coloured.push_str(colour),
            None if is_harmless(character) => coloured.push(character),
            None => {}
        }
        rest = &rest[sequence.map_or(character.len_utf8(), str::len)..];
    }
    coloured
}

/// Whether [`plain`] may change this text, told by its bytes: at a gigabyte a second or so.
pub(crate) fn needs_cleaning(text: &[u8]) -> bool {
    // The first bytes of the characters U+0080 to U+00BF and U+2000 to U+2FFF.
    let is_suspect = |byte: &u8| matches!(byte, 0..0x20 | 0x7f | 0xc2 | 0xe2);
    text.iter().any(|byte| is_suspect(byte) && !matches!(byte, b'\n' | b'\t'))
}

fn is_harmless(character: char) -> bool {
    matches!(character, '\n' | '\t') || !(character.is_control() || turns_reading(character))
}

/// These change the direction of reading, and so what a line seems to say.
pub(crate) fn turns_reading(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The escape sequence that `text` begins with (ECMA-48 §5), to its end as far as there is one.
fn sequence(text: &str) -> Option<&str> {
    if let Some(sequence) = control_sequence(text) {
        return Some(sequence);
    }
    let first = text.chars().next()?;
    let second = text.chars().nth(1);
    match (first, second) {
        // A string for the terminal: a title, a link, the clipboard.
        ('\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}', _)
        | (ESCAPE, Some('P' | 'X' | ']' | '^' | '_')) => Some(control_string(text)),
        (ESCAPE, _) => {
            let end = text[1..].find(|c: char| !matches!(c, ' '..='/')).map(|at| at + 1)?;
            let last = text[end..].chars().next().filter(|c| matches!(c, '0'..='~'))?;
            Some(&text[..end + last.len_utf8()])
        }
        _ => None,
    }
}

/// The control sequence that `text` begins with: ESC and `[`, or the one character that stands for
/// both, parameters, one letter.
pub(crate) fn control_sequence(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[").or_else(|| text.strip_prefix('\u{9b}'))?;
    let begun = text.len() - parameters.len();
    let end = parameters.find(|c: char| !matches!(c, ' '..='?'))?;
    let last = parameters[end..].chars().next().filter(|c| matches!(c, '@'..='~'))?;
    Some(&text[..begun + end + last.len_utf8()])
}

/// To its terminator, else to the end of the line.
fn control_string(text: &str) -> &str {
    for (at, character) in text.char_indices() {
        let end = match character {
            '\u{7}' | '\u{9c}' => at + character.len_utf8(),
            ESCAPE if text[at..].starts_with("\u{1b}\\") => at + 2,
            '\n' => at,
            _ => continue,
        };
        return &text[..end];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        let text = "Error: „no room“\n\tin eu-west-1 [31m] \\x";
        assert!(matches!(plain(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        for (said, expected) in [
            ("\u{1b}[31mFailed\u{1b}[0m\u{1b}[0m", "Failed"),
            ("\u{1b}[2J\u{1b}[10;4Hx\u{1b}[?25l", "x"),
            ("\u{9b}31mx", "x"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9d}52;c;aGk=\u{9c}x", "x"),
            ("\u{1b}Pq#1\u{1b}\\x", "x"),
            ("\u{1b}(Bx\u{1b}cy\u{1b}7z", "xyz"),
            ("\u{1b}]never ends\nnext", "\nnext"),
            ("a\r\n\0b\u{7f}c\u{85}d\u{8}", "a\nbcd"),
            ("\u{202e}evil\u{2066}x\u{2069}", "evilx"),
            ("end \u{1b}[", "end "),
            ("end \u{1b}", "end "),
        ] {
            assert_eq!(plain(said), expected, "{said:?}");
        }
    }
}
