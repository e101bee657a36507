use std::{fmt, str::FromStr, sync::Arc};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
};

/// Seals what must not be read in the database or its backups (`LABLINK_SECRET_KEY`). All
/// allocators of a deployment have the same one.
#[derive(Clone)]
pub struct SecretKey(Arc<LessSafeKey>);

#[derive(Debug, thiserror::Error)]
#[error(
    "LABLINK_SECRET_KEY must be 64 hexadecimal digits (32 bytes). Make one with: openssl rand -hex 32"
)]
pub struct InvalidSecretKey;

impl FromStr for SecretKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<Self, InvalidSecretKey> {
        let digits = text.trim().as_bytes();
        let bytes: Option<Vec<u8>> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let bytes = bytes.filter(|_| digits.len() == 64).ok_or(InvalidSecretKey)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
        key.map(|key| Self(Arc::new(LessSafeKey::new(key)))).map_err(|Unspecified| InvalidSecretKey)
    }
}

impl SecretKey {
    /// A random nonce, then the sealed bytes with their tag. The nonce's 96 random bits are safe
    /// for the few things that are ever sealed.
    pub(crate) fn seal(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let sealed = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(sealed, Aad::empty(), &mut bytes)?;
        Ok([nonce.as_slice(), &bytes].concat())
    }

    /// What [`Self::seal`] was given, if this key made it and nobody changed it.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(Unspecified)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut bytes = sealed.to_vec();
        self.0.open_in_place(nonce, Aad::empty(), &mut bytes).map(|opened| opened.to_vec())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_what_nobody_changed() {
        let key: SecretKey = "0f".repeat(32).parse().unwrap();
        let sealed = key.seal(b"secret".to_vec()).unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_ne!(sealed, key.seal(b"secret".to_vec()).unwrap(), "each time another nonce");
        assert_eq!(key.open(&sealed).unwrap(), b"secret");

        let other: SecretKey = "f0".repeat(32).parse().unwrap();
        assert!(other.open(&sealed).is_err());
        let mut changed = sealed;
        changed[NONCE_LEN] ^= 1;
        assert!(key.open(&changed).is_err());
        assert!(key.open(b"short").is_err());
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        for text in ["", "00", &"g0".repeat(32), &"0".repeat(63), &"0".repeat(66)] {
            assert!(text.parse::<SecretKey>().is_err(), "{text}");
        }
    }
}
