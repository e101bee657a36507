//! What a password must be like, where one is made and where one is presented.

use zxcvbn::{Score, zxcvbn};

/// bcrypt reads no further than this, in bytes.
const LONGEST: usize = 72;
/// The least number of characters of a new password.
const SHORTEST: usize = 12;

/// Why bcrypt would take another password for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    #[error("it is {0} bytes long, and bcrypt takes at most {LONGEST}: choose a shorter one")]
    TooLong(usize),
    #[error("it holds a NUL character, behind which bcrypt begins again: leave that out")]
    Nul,
}

/// Why a password is no good as a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("it has {0} characters: choose one of at least {SHORTEST}, such as four words")]
    Short(usize),
    #[error(
        "it is one of the first that anybody would guess: choose another, such as four words that \
         have nothing to do with each other"
    )]
    Common,
}

/// Refuses what bcrypt does not tell from another password: it cuts what is too long, and repeats
/// a shorter one behind a NUL. Asked when a password is set and when one is presented.
pub fn fits_bcrypt(password: &str) -> Result<(), UnfitPassword> {
    if password.contains('\0') {
        return Err(UnfitPassword::Nul);
    }
    match password.len() {
        ..=LONGEST => Ok(()),
        length => Err(UnfitPassword::TooLong(length)),
    }
}

/// Refuses what is easy to guess, where a password is made.
pub fn fits_new(password: &str) -> Result<(), WeakPassword> {
    if let Some(length) = is_short(password) {
        return Err(WeakPassword::Short(length));
    }
    match zxcvbn(password, &OURS).score() {
        Score::Zero | Score::One | Score::Two => Err(WeakPassword::Common),
        _ => Ok(()),
    }
}

/// The characters of a password that is shorter than a new one may be.
pub fn is_short(password: &str) -> Option<usize> {
    Some(password.chars().count()).filter(|length| *length < SHORTEST)
}

/// Whether a password is on the lists with which guessing begins: words, names, runs of keys, with
/// digits for letters, repeated, or with a year. A password that is merely short is none of these.
pub fn is_common(password: &str) -> bool {
    use zxcvbn::matching::patterns::MatchPattern;

    let found = zxcvbn(password, &OURS);
    let is_one_word = match found.sequence() {
        [only] => !matches!(only.pattern, MatchPattern::BruteForce),
        _ => false,
    };
    is_one_word || found.score() == Score::Zero && password.chars().count() > 4
}

/// Words that people see next to a login of LabLink.
const OURS: [&str; 4] = ["lablink", "admin", "allocator", "admin_password"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_long_and_not_on_every_list() {
        assert_eq!(fits_new("k7#mQ2!xw9z"), Err(WeakPassword::Short(11)));
        assert_eq!(fits_new("ääääääääääää"), Err(WeakPassword::Common), "12 characters");
        for common in [
            "passwordpassword",
            "Password1234",
            "123456789012",
            "qwertyuiop123",
            "admin_password",
            "lablinklablink",
            "abcdefghijklmnop",
            "administrator1",
            "iloveyou2024",
        ] {
            assert_eq!(fits_new(common), Err(WeakPassword::Common), "{common}");
        }
        for good in ["k7#mQ2!xw9zP", "correct horse battery staple", "a-password-for-chaos"] {
            assert_eq!(fits_new(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn common_ones_are_known_from_short_ones() {
        for common in
            ["password", "123456", "letmein", "Passw0rd", "changeme", "admin", "qwerty", "lablink"]
        {
            assert!(is_common(common), "{common}");
        }
        for short in ["k7#mQ", "ab-7-cd", "tq9"] {
            assert!(!is_common(short) && is_short(short).is_some(), "{short}");
        }
    }
}
