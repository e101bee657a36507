//! Makes a message fit to be stored and shown: no control character but the line feed, the tab
//! and ANSI colours, and no line without end.

use std::borrow::Cow;

use crate::plain::{control_sequence, turns_reading};

/// Longest line, in bytes, before it is cut.
const LONGEST_LINE: usize = 16 * 1024;

const ESCAPE: char = '\u{1b}';

/// The lines of a message. A message without text is one empty line.
pub(super) fn lines(message: &str) -> impl Iterator<Item = &str> {
    let message = message.trim_end_matches(['\n', '\r']);
    // A progress bar goes back to the start of its line again and again.
    let parts = message.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    parts.flat_map(|line| line.split('\r'))
}

/// A line that can be stored and shown.
pub(super) fn safe(line: &str) -> String {
    without_commands(&cut(line))
}

fn cut(line: &str) -> Cow<'_, str> {
    if line.len() <= LONGEST_LINE {
        return Cow::Borrowed(line);
    }
    let end = line.floor_char_boundary(LONGEST_LINE);
    Cow::Owned(format!("{} … [cut: {} bytes more]", &line[..end], line.len() - end))
}

fn without_commands(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let sequence = if character == ESCAPE { control_sequence(rest) } else { None };
        let taken = match sequence {
            Some(sequence) if sequence.ends_with('m') => {
                safe.push_str(sequence);
                sequence.len()
            }
            // It moves the cursor or clears the screen, which means nothing in a log.
            Some(sequence) => sequence.len(),
            None => {
                safe.push(shown(character));
                character.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    safe
}

/// The replacement for a character that would have an effect instead of being shown.
fn shown(character: char) -> char {
    match character {
        '\t' => '\t',
        // Unicode has pictures of these.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + character as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        turning if turns_reading(turning) => '\u{fffd}',
        seen => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(message: &str) -> Vec<String> {
        super::lines(message).map(safe).collect()
    }

    #[test]
    fn a_message_is_split_into_its_lines() {
        assert_eq!(lines("one\ntwo\r\nthree\n"), ["one", "two", "three"]);
        assert_eq!(lines("10 %\r20 %"), ["10 %", "20 %"]);
        assert_eq!(lines(""), [""]);
        assert_eq!(lines("a\n\nb"), ["a", "", "b"]);
    }

    #[test]
    fn colours_stay_and_other_control_characters_are_shown() {
        assert_eq!(lines("\u{1b}[1;31mred\u{1b}[0m\tx"), ["\u{1b}[1;31mred\u{1b}[0m\tx"]);
        assert_eq!(lines("\u{1b}[2J\u{1b}[10;4Hx\u{1b}[K"), ["x"]);
        assert_eq!(lines("a\0b\u{7}c\u{7f}d"), ["a␀b␇c␡d"]);
        assert_eq!(lines("\u{1b}]0;title\u{7}"), ["␛]0;title␇"]);
        assert_eq!(lines("end \u{1b}["), ["end ␛["]);
        assert_eq!(lines("\u{9b}31m \u{202e}x"), ["\u{fffd}31m \u{fffd}x"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_says_so() {
        let [line] = &lines(&"ä".repeat(20_000))[..] else { panic!("one line") };
        assert!(line.len() < LONGEST_LINE + 40);
        assert!(line.ends_with("ä … [cut: 23616 bytes more]"), "{}", &line[16_000..]);
        assert_eq!(lines(&"a\n".repeat(20_000)).len(), 20_000, "many lines are not one long one");
    }
}
