//! Finds what a command gives as its code, without a shell: quotes only tell where it ends.

use super::error::CrdCommandError;

/// start-host's other options, by which the end of an unquoted code is known.
const OPTIONS: [&str; 9] = [
    "code",
    "redirect-url",
    "name",
    "pin",
    "user-name",
    "host-owner",
    "host-id",
    "display-name",
    "disable-crash-reporting",
];

/// All that stands behind `--code`, one for each time.
pub(super) fn codes(command: &str) -> Result<Vec<String>, CrdCommandError> {
    let mut found = Vec::new();
    let mut rest = command;
    while let Some(value) = after_option(rest) {
        let (code, left) = quoted(value).map_or_else(|| unquoted(value), Ok)?;
        found.push(code);
        rest = left;
    }
    Ok(found)
}

/// What follows the next `--code=` or `--code `.
fn after_option(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c| is_quote(c) || char::is_whitespace(c));
        let (word, left) = word(rest);
        if word.is_empty() {
            return None;
        }
        let name = option_name(word);
        if name.is_some_and(|name| name.eq_ignore_ascii_case("code")) {
            let dashes = rest.len() - rest.trim_start_matches(is_dash).len();
            let value = rest[dashes + "code".len()..].trim_start();
            return Some(value.strip_prefix('=').unwrap_or(value).trim_start());
        }
        rest = left;
    }
}

/// A code in a pair of quotes: a line break in there is none of it.
fn quoted(value: &str) -> Option<(String, &str)> {
    let inner = value.trim_start_matches(is_quote);
    let quote = value[..value.len() - inner.len()].chars().next_back()?;
    let (code, after) = inner.split_once(quote)?;
    let left = after.trim_start_matches(is_quote);
    let is_closed = left.is_empty() || left.starts_with(char::is_whitespace);
    // Behind a quote without its twin, the next one is of another option.
    (is_closed && !code.contains('=')).then(|| (code.lines().map(str::trim).collect(), left))
}

/// A code without quotes, or with one that has no twin, ends with its word. A line that was broken
/// within it is joined where an option follows: a word before that can only be a piece of the code.
fn unquoted(value: &str) -> Result<(String, &str), CrdCommandError> {
    let (first, mut left) = word(value.trim_start_matches(is_quote));
    let mut code = without_end(first).to_owned();
    if code.len() < first.len() || option_name(first).is_some() {
        return Ok((code, left));
    }
    let mut is_joined = false;
    loop {
        let next = left.trim_start();
        let breaks = left[..left.len() - next.len()].matches('\n').count();
        let (piece, after) = word(next);
        if piece.is_empty() || breaks > 1 || is_option(piece) {
            break;
        }
        let is_foreign_option = piece.starts_with("--") || piece.starts_with(['–', '—']);
        let bare = without_end(piece);
        if is_foreign_option && breaks == 0 {
            break;
        }
        if !is_foreign_option && (bare.is_empty() || !bare.bytes().all(is_of_code)) {
            break;
        }
        if is_foreign_option || breaks == 0 {
            return Err(CrdCommandError::Broken);
        }
        code.push_str(bare);
        left = after;
        is_joined = true;
    }
    if is_joined && !is_option(word(left.trim_start()).0) {
        return Err(CrdCommandError::Broken);
    }
    Ok((code, left))
}

/// The first word, and what comes after it.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Without the punctuation of a sentence around it.
fn without_end(word: &str) -> &str {
    word.trim_end_matches(|c| is_quote(c) || matches!(c, '.' | ',' | ';' | ':' | ')' | ']' | '>'))
}

/// The name of an option such as `--name=x`, however its dashes were set.
fn option_name(word: &str) -> Option<&str> {
    let name = word.trim_start_matches(is_dash);
    (name.len() < word.len()).then(|| name.split_once('=').map_or(name, |(name, _)| name))
}

/// One of start-host's, or the beginning of its name.
fn is_option(word: &str) -> bool {
    let name = option_name(word).filter(|name| name.len() >= 3);
    name.is_some_and(|name| OPTIONS.iter().any(|option| option.starts_with(name)))
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '–' | '—' | '―' | '‒')
}

/// Whether a code may hold this.
pub(super) fn is_of_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'-')
}
