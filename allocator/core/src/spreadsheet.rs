//! Cells of CSV files, which people open in spreadsheets.

use crate::plain;

/// A cell that a spreadsheet takes for text. Control sequences are removed, and a cell that would
/// begin like a formula, which a spreadsheet would run, gets an apostrophe in front. Some
/// spreadsheets ignore blanks, and accept full-width signs.
pub fn cell(text: &str) -> String {
    let text = plain(text);
    let begin = text.trim_start().chars().next();
    let is_formula = |c: char| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c);
    let is_risky = begin.is_some_and(is_formula) || text.starts_with(['\t', '\n']);
    let guard = if is_risky { "'" } else { "" };
    format!("{guard}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text_and_control_characters_are_gone() {
        assert_eq!(cell("ada@example.org"), "ada@example.org");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        for risky in [
            " =1",
            "\u{ff1d}1",
            "\t1",
            "\n=1",
            "-1",
            "@a",
            "\r=1",
            "\0=1",
            "\u{1b}[0m=1",
            "\u{202e}+1",
        ] {
            assert!(cell(risky).starts_with('\''), "{risky:?}");
        }
        assert_eq!(cell("a\u{1b}[2Jb\0"), "ab");
    }
}
