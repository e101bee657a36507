use std::{fmt, str::FromStr, sync::Arc};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
};
use sha2::{Digest, Sha256};

use super::Subject;

/// The key that seals secrets in the database (`LABLINK_SECRET_KEY`). All allocators of a
/// deployment have the same one.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    key: LessSafeKey,
    id: [u8; ID_LEN],
}

#[derive(Debug, thiserror::Error)]
#[error(
    "LABLINK_SECRET_KEY must be 64 hexadecimal digits (32 bytes). Make one with: openssl rand -hex 32"
)]
pub struct InvalidSecretKey;

/// Why a stored value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Another key sealed it.
    OtherKey,
    /// This key sealed it, but for another subject; or somebody has changed it since.
    OtherValue,
}

/// The first bytes of a value that is bound to its subject. The key's id follows, then the nonce.
/// Earlier versions of LabLink stored values that begin with their nonce and are bound to nothing.
const BOUND: &[u8; 8] = b"lablink2";
const ID_LEN: usize = 8;

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
        let key = key.map_err(|Unspecified| InvalidSecretKey)?;
        Ok(Self(Arc::new(Inner { key: LessSafeKey::new(key), id: id(&bytes) })))
    }
}

/// An id that tells keys apart, and reveals nothing of the key.
fn id(key: &[u8]) -> [u8; ID_LEN] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"lablink key id").chain_update(key).finalize().into();
    let mut id = [0; ID_LEN];
    id.copy_from_slice(&digest[..ID_LEN]);
    id
}

impl SecretKey {
    /// Seals a value, so that only this key opens it, and only as this subject. The nonce's 96
    /// random bits are safe for the few things that are ever sealed.
    pub(crate) fn seal(&self, subject: Subject, mut bytes: Vec<u8>) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let data = Aad::from(subject.associated_data());
        let unique = Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.key.seal_in_place_append_tag(unique, data, &mut bytes);
        sealed.expect("no secret comes near the cipher's limit of 256 GB");
        [BOUND.as_slice(), &self.0.id, &nonce, &bytes].concat()
    }

    /// The value that [`Self::seal`] was given for this subject, if this key sealed it and nobody
    /// changed it.
    pub(crate) fn open(&self, subject: Subject, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let Some(bound) = sealed.strip_prefix(BOUND) else {
            return self.unseal(Aad::from(String::new()), sealed).ok_or(Unopened::OtherKey);
        };
        let (id, sealed) = bound.split_at_checked(ID_LEN).ok_or(Unopened::OtherValue)?;
        if id != self.0.id {
            return Err(Unopened::OtherKey);
        }
        self.unseal(Aad::from(subject.associated_data()), sealed).ok_or(Unopened::OtherValue)
    }

    fn unseal(&self, data: Aad<String>, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = sealed.to_vec();
        self.0.key.open_in_place(nonce, data, &mut bytes).ok().map(|opened| opened.to_vec())
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

    fn subject(vm_id: i64) -> Subject {
        Subject::SshKey { vm_id: vm_id.into() }
    }

    fn key(pair: &str) -> SecretKey {
        pair.repeat(32).parse().unwrap()
    }

    #[test]
    fn only_the_same_key_opens_what_nobody_changed() {
        let sealed = key("0f").seal(subject(7), b"secret".to_vec());
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_ne!(
            sealed,
            key("0f").seal(subject(7), b"secret".to_vec()),
            "each time another nonce"
        );
        assert_eq!(key("0f").open(subject(7), &sealed).unwrap(), b"secret");
        assert_eq!(key("f0").open(subject(7), &sealed), Err(Unopened::OtherKey));
        // Wherever it is changed or cut, its beginning included.
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key("0f").open(subject(7), &changed).is_err(), "{at}");
            assert!(key("0f").open(subject(7), &sealed[..at]).is_err(), "{at}");
            assert!(key("0f").open(subject(7), &sealed[at + 1..]).is_err(), "{at}");
        }
    }

    #[test]
    fn a_value_opens_as_its_own_subject_only() {
        let sealed = key("0f").seal(subject(7), b"secret".to_vec());
        let another = subject(8);
        assert_eq!(key("0f").open(another, &sealed), Err(Unopened::OtherValue));
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        for text in ["", "00", &"g0".repeat(32), &"0".repeat(63), &"0".repeat(66)] {
            assert!(text.parse::<SecretKey>().is_err(), "{text}");
        }
    }
}
