use std::str::FromStr;

use lablink_protocol::is_invisible;
use unicode_normalization::UnicodeNormalization;

use crate::{Token, TokenHash};

/// The access code that an organiser tells the class. It is spoken, written on boards and typed on
/// phones, so letter case, blanks and the style of dashes and quotes make no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccessCode(TokenHash);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an access code has at least one letter, digit or sign")]
pub struct EmptyAccessCode;

impl AccessCode {
    /// Compares in constant time.
    pub fn matches(&self, typed: &Self) -> bool {
        typed.0.matches(&self.0)
    }

    /// A digest that only somebody who knows the code can make.
    pub(crate) fn purpose(&self) -> String {
        format!("access code {:x?}", self.0.as_bytes())
    }
}

impl FromStr for AccessCode {
    type Err = EmptyAccessCode;

    fn from_str(text: &str) -> Result<Self, EmptyAccessCode> {
        let folded = folded(text);
        if folded.is_empty() {
            return Err(EmptyAccessCode);
        }
        Ok(Self(Token::presented(&folded).hash()))
    }
}

fn folded(text: &str) -> String {
    let seen = text.nfkc().filter(|c| !is_invisible(*c) && !c.is_whitespace());
    let mut folded = String::with_capacity(text.len());
    for c in seen.flat_map(char::to_lowercase) {
        let c = match c {
            '‐'..='―' | '−' | '﹘' | '﹣' => '-',
            '‘' | '’' | '‚' | '‛' | '′' | '´' | '`' => '\'',
            '“' | '”' | '„' | '‟' | '«' | '»' | '″' => '"',
            c => c,
        };
        // Phones make one long dash of two.
        if !(c == '-' && folded.ends_with('-')) {
            folded.push(c);
        }
    }
    folded.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_is_typed_locks_nobody_out() {
        let code: AccessCode = "Müller's Lab-7--b".parse().unwrap();
        for typed in [
            "Müller's Lab-7--b",
            "mu\u{308}ller’s lab‑7—b",
            " MÜLLER'S  LAB-7–B\u{200b}\n",
            "müller'slab-7-b",
            "ｍüller's\u{a0}lab－7--b",
        ] {
            assert!(code.matches(&typed.parse().unwrap()), "{typed}");
        }
        for typed in ["Müller's Lab-7", "Mullers Lab-7--b", "Müller's Lab7b"] {
            assert!(!code.matches(&typed.parse().unwrap()), "{typed}");
        }
        for empty in ["", " \u{200b} "] {
            assert_eq!(empty.parse::<AccessCode>().err(), Some(EmptyAccessCode));
        }
    }
}
