use std::{fmt, io::Read, str::FromStr};

use ring::digest::{Context, SHA256};

/// A SHA-256 sum: 64 hexadecimal digits, as `sha256sum` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sha256Sum(String);

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("write a SHA-256 sum: the 64 hexadecimal digits that sha256sum prints")]
pub struct InvalidSum;

impl Sha256Sum {
    /// Of all that there is to read.
    pub(crate) fn of(mut content: impl Read) -> std::io::Result<Self> {
        let mut context = Context::new(&SHA256);
        let mut piece = vec![0; 64 * 1024];
        loop {
            match content.read(&mut piece)? {
                0 => break,
                read => context.update(&piece[..read]),
            }
        }
        let digits = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(digits))
    }
}

impl FromStr for Sha256Sum {
    type Err = InvalidSum;

    fn from_str(text: &str) -> Result<Self, InvalidSum> {
        let text = text.trim().to_ascii_lowercase();
        let is_sum = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_sum.then_some(Self(text)).ok_or(InvalidSum)
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_sha256sum_and_nothing_else_is_one() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256Sum::of(&b"abc"[..]).unwrap().to_string(), abc);
        assert_eq!(abc.to_uppercase().parse::<Sha256Sum>().unwrap().to_string(), abc);
        for text in ["", &abc[1..], "$(reboot)", &format!("{abc}0"), &format!("{}'", &abc[1..])] {
            assert!(text.parse::<Sha256Sum>().is_err(), "{text}");
        }
    }
}
