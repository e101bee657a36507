//! How serious a line is, guessed from how programs use to mark their lines.

use crate::pages::LogLevel;

/// A mark stands near the start of a line: further on, the words are those of a sentence.
const NEAR: usize = 120;

const ERRORS: [&str; 8] =
    ["ERROR", "CRITICAL", "FATAL", "PANIC", "SEVERE", "Traceback", "panicked", "Exception"];
const WARNINGS: [&str; 4] = ["WARN", "WARNING", "Warning", "DEPRECATED"];
/// As the first word, with a colon after it.
const ERROR_STARTS: [&str; 4] = ["error:", "fatal:", "e:", "err:"];
const WARNING_STARTS: [&str; 2] = ["warning:", "w:"];

pub(super) fn of(line: &str) -> LogLevel {
    let start = &line[..line.floor_char_boundary(NEAR)];
    let lower = start.trim_start().to_ascii_lowercase();
    let begins = |starts: &[&str]| starts.iter().any(|word| lower.starts_with(word));
    let mut words = start.split(|c: char| !c.is_ascii_alphanumeric());
    // The first mark counts: `WARNING: the ERROR file is missing` is a warning.
    let mark = words.find_map(|word| {
        if ERRORS.contains(&word) {
            Some(LogLevel::Error)
        } else {
            WARNINGS.contains(&word).then_some(LogLevel::Warn)
        }
    });
    match mark {
        Some(level) => level,
        None if begins(&ERROR_STARTS) || lower.contains(": error:") => LogLevel::Error,
        None if begins(&WARNING_STARTS) => LogLevel::Warn,
        None => LogLevel::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_found_where_programs_write_them() {
        for line in [
            "check_gpu[ERROR]: no GPU",
            "2026-03-01 09:00:00,123 CRITICAL out of memory",
            "Traceback (most recent call last):",
            "E: Unable to locate package",
            "Error: no such container",
            "thread 'main' panicked at src/main.rs:1:1",
            "docker: Error: no such image",
        ] {
            assert!(matches!(of(line), LogLevel::Error), "{line}");
        }
        for line in ["W: an old key", "WARNING: the ERROR file is missing", "app[WARN] low disk"] {
            assert!(matches!(of(line), LogLevel::Warn), "{line}");
        }
        for line in ["", "0 errors", "no error was found", "subscribe[INFO]: waiting", "äöü"] {
            assert!(matches!(of(line), LogLevel::Info), "{line}");
        }
    }

    #[test]
    fn a_word_far_into_a_line_marks_nothing() {
        assert!(matches!(of(&format!("{} ERROR", "ä".repeat(100))), LogLevel::Info));
    }
}
