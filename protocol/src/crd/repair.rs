//! Undoes what mail programs, word processors, phones and web pages do to a command on its way,
//! where only one thing can have stood there.

use crate::is_invisible;

/// Text that is encoded twice is not rare, as in the source of a forwarded mail.
const ROUNDS: usize = 4;

/// The command as it was before it was encoded and set in type.
pub(super) fn repaired(pasted: &str) -> String {
    // A form that was sent writes blanks as '+', which no part of the command holds otherwise.
    let pasted = pasted.trim();
    let is_form = !pasted.contains(char::is_whitespace);
    let mut text = if is_form { pasted.replace('+', " ") } else { pasted.to_owned() };
    for _ in 0..ROUNDS {
        let seen: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        let decoded = without_entities(&percent_decoded(&seen));
        if decoded == text {
            break;
        }
        text = decoded;
    }
    let text = text.replace("\r\n", "\n");
    let typed: String = text.chars().filter(|c| !is_invisible(*c)).map(typewritten).collect();
    without_backslashes(&typed)
}

/// The character on a keyboard that typesetting has replaced. Long dashes stay: each may have been
/// one hyphen or two.
fn typewritten(c: char) -> char {
    match c {
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '〝' | '〞' => '"',
        '‘' | '’' | '‚' | '‛' | '‹' | '›' | '′' | '´' | '`' => '\'',
        '‐' | '‑' | '−' | '﹣' => '-',
        '⁄' | '∕' => '/',
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\r' | '\u{b}' | '\u{c}' => '\n',
        // Full-width forms lie at the same distance from ASCII, each.
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

/// `%2F` is `/`. Text that is not encoded so, or not in UTF-8, stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code = code.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = code
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_other_encoding| text.to_owned())
}

/// `&quot;` is `"`, as are `&#34;` and `&#x22;`.
fn without_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        match after.split_once(';').and_then(|(name, left)| Some((entity(name)?, left))) {
            Some((c, left)) => {
                decoded.push(c);
                rest = left;
            }
            None => {
                decoded.push('&');
                rest = after;
            }
        }
    }
    decoded + rest
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return number.ok().and_then(char::from_u32);
    }
    Some(match name {
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "amp" | "AMP" => '&',
        "lt" => '<',
        "gt" => '>',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "NewLine" => '\n',
        "Tab" => '\t',
        "equals" => '=',
        "sol" => '/',
        "lowbar" | "UnderBar" => '_',
        "hyphen" | "dash" => '‐',
        "minus" => '−',
        "ndash" => '–',
        "mdash" => '—',
        "ldquo" => '“',
        "rdquo" => '”',
        "bdquo" | "ldquor" => '„',
        "lsquo" => '‘',
        "rsquo" => '’',
        "sbquo" | "lsquor" => '‚',
        "laquo" => '«',
        "raquo" => '»',
        "lsaquo" => '‹',
        "rsaquo" => '›',
        "grave" => '`',
        "acute" => '´',
        "shy" => '\u{ad}',
        "zwnj" => '\u{200c}',
        "zwj" => '\u{200d}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        "ZeroWidthSpace" => '\u{200b}',
        "hellip" => '…',
        _ => return None,
    })
}

/// A shell joins lines at a backslash, and `\"` is a quote of a command that was itself quoted.
fn without_backslashes(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        joined.push_str(before);
        let line_end = after.trim_start_matches([' ', '\t']);
        rest = if let Some(next_line) = line_end.strip_prefix('\n') {
            next_line
        } else {
            if !after.starts_with(['"', '\'']) {
                joined.push('\\');
            }
            after
        };
    }
    joined + rest
}
