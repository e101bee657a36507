use sha2::{Digest, Sha256};

use crate::{Actor, Token, TokenHash};

/// How long a key may be, in characters. Shorter texts are not random enough.
const LENGTH: std::ops::RangeInclusive<usize> = 22..=128;

/// A random text that a form or a program makes up, and sends again with the same wish. It is a
/// secret of its maker: anybody who shows it gets the same answer.
#[derive(Clone, Debug)]
pub struct Key(Token);

impl Key {
    /// 256 bits.
    pub fn random() -> Self {
        Self(Token::random())
    }

    /// None: the text is no key. One has 22 to 128 letters, digits, `-` and `_`, as a UUID has.
    pub fn presented(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_key = LENGTH.contains(&text.len()) && text.bytes().all(is_plain);
        is_key.then(|| Self(Token::presented(text)))
    }

    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// A token that follows from this key. Only its hash is stored, so a repeated request could not
    /// get it otherwise.
    pub(crate) fn token(&self, purpose: &str) -> Token {
        self.0.derived(purpose)
    }
}

/// One wish, however often it is sent.
#[derive(Clone, Debug)]
pub struct Once {
    key: Key,
    wish: Vec<u8>,
}

impl Once {
    /// `wish` is everything that distinguishes it from another wish.
    pub fn new(key: Key, wish: impl Into<Vec<u8>>) -> Self {
        Self { key, wish: wish.into() }
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    /// One of several steps of a wish, each with an outcome of its own.
    pub(crate) fn step(&self, name: &str) -> Self {
        Self { key: Key(self.key.token(name)), wish: self.wish.clone() }
    }

    /// The hash by which the key is found. The same key of another person has another hash.
    pub(crate) fn key_hash(&self, actor: &Actor) -> TokenHash {
        self.key.token(&format!("key of {actor}")).hash()
    }

    /// The hash of the wish, salted with the key, so that a wish that could be guessed, such as an
    /// e-mail, is not revealed.
    pub(crate) fn wish_hash(&self) -> [u8; 32] {
        let salt = self.key.token("wish");
        Sha256::new().chain_update(salt.reveal()).chain_update(&self.wish).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_guessed_is_no_key() {
        for text in ["", "1", "order-1", "ada@example.org-the-first-claim", &"a".repeat(129)] {
            assert!(Key::presented(text).is_none(), "{text}");
        }
        for text in ["f81d4fae-7dec-11d0-a765-00a0c91e6bf6", Key::random().reveal()] {
            assert_eq!(Key::presented(text).unwrap().reveal(), text);
        }
    }

    #[test]
    fn keys_wishes_and_people_are_told_apart() {
        let (key, other) = (Key::random(), Key::random());
        let wish = |key: &Key, wish: &str| Once::new(key.clone(), wish).wish_hash();
        assert_eq!(wish(&key, "a"), wish(&key, "a"));
        assert_ne!(wish(&key, "a"), wish(&key, "b"));
        assert_ne!(wish(&key, "a"), wish(&other, "a"));
        let once = Once::new(key, "a");
        let admin = Actor::Admin("a".to_owned());
        assert!(once.key_hash(&admin) == once.key_hash(&admin));
        assert!(once.key_hash(&admin) != once.key_hash(&Actor::Anyone));
        assert!(once.key_hash(&admin) != once.step("first").key_hash(&admin));
    }
}
