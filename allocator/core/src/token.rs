use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// 256 random bits from the OS as 43 characters for URLs, headers and environments. Its holder has
/// what it grants, so it is never shown in logs.
#[derive(Clone)]
pub struct Token(String);

/// SHA-256 of a token: the only part that is ever stored. The token is random, so no slow hash is
/// needed, and finding a row by it leaks nothing useful through timing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl Token {
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// A token that somebody presents, whatever it looks like: only its hash will tell.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether a text has the form of [`Self::random`]'s.
    pub fn is_well_formed(text: &str) -> bool {
        URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
    }

    /// Another token, which can only be made with this one.
    pub(crate) fn derived(&self, purpose: &str) -> Self {
        let secret = format!("{}\n{purpose}", self.0);
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes())))
    }

    /// The token itself, for the one place that hands it over.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl TokenHash {
    /// Whether both are the same, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }

    /// None: no hash of this kind.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
