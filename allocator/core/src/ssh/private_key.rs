use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};

/// A private SSH key in its text form, as `ssh-keygen` and `openssl` write it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(String);

/// Why a text is no usable private key. No message shows any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrivateKey {
    #[error(
        "this is the public half of a key, which belongs on the machine. Paste the private one: \
         the file without .pub"
    )]
    Public,
    #[error(
        "this is no private SSH key. Paste the whole file, from its line with BEGIN to its line \
         with END"
    )]
    NoKey,
    #[error(
        "this key has a passphrase, and nobody will be there to type it. Make one without: \
         ssh-keygen -t ed25519 -N '' -f lablink-results"
    )]
    Protected,
    #[error("a private key has at most {LONGEST} characters")]
    TooLong,
}

const LONGEST: usize = 16 * 1024;
/// The beginning of OpenSSH's format, before the name of the cipher that protects the key.
const MAGIC: &[u8] = b"openssh-key-v1\0";

impl PrivateKey {
    /// Every line ends with a line feed, the last one too, as `ssh` requires.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrivateKey {
    type Err = InvalidPrivateKey;

    fn from_str(text: &str) -> Result<Self, InvalidPrivateKey> {
        if text.len() > LONGEST {
            return Err(InvalidPrivateKey::TooLong);
        }
        // Browsers end the lines of a form with both characters.
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
            return Err(InvalidPrivateKey::NoKey);
        };
        if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| first.starts_with(kind)) {
            return Err(InvalidPrivateKey::Public);
        }
        let framed = |line: &str, word| line.starts_with(word) && line.ends_with(" KEY-----");
        let printable = lines.iter().all(|line| line.bytes().all(|b| (b' '..=b'~').contains(&b)));
        if !printable || !framed(first, "-----BEGIN ") || !framed(last, "-----END ") {
            return Err(InvalidPrivateKey::NoKey);
        }
        let kind = first.trim_start_matches("-----BEGIN ");
        if !kind.ends_with("PRIVATE KEY-----") {
            return Err(InvalidPrivateKey::NoKey);
        }
        if kind.starts_with("ENCRYPTED") || lines.iter().any(|line| line.contains("ENCRYPTED")) {
            return Err(InvalidPrivateKey::Protected);
        }
        if kind.starts_with("OPENSSH") {
            check_openssh(&lines[1..lines.len() - 1].concat())?;
        }
        Ok(Self(lines.join("\n") + "\n"))
    }
}

/// OpenSSH's `PROTOCOL.key`: the magic, then the cipher's name with its length in four bytes.
fn check_openssh(body: &str) -> Result<(), InvalidPrivateKey> {
    let bytes = STANDARD.decode(body).map_err(|_not_base64| InvalidPrivateKey::NoKey)?;
    let rest = bytes.strip_prefix(MAGIC).ok_or(InvalidPrivateKey::NoKey)?;
    if rest.starts_with(b"\0\0\0\x04none") { Ok(()) } else { Err(InvalidPrivateKey::Protected) }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openssh(cipher: &str) -> String {
        let length = u32::try_from(cipher.len()).unwrap().to_be_bytes();
        let body = [MAGIC, &length, cipher.as_bytes(), b"the rest"].concat();
        let body = STANDARD.encode(body);
        let (first, second) = body.split_at(20);
        format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\r\n{first}\r\n{second}\r\n\
             -----END OPENSSH PRIVATE KEY-----"
        )
    }

    #[test]
    fn a_pasted_key_gets_the_lines_that_ssh_wants() {
        let key: PrivateKey = format!("  {}  ", openssh("none")).parse().unwrap();
        assert!(!key.reveal().contains('\r') && key.reveal().ends_with("PRIVATE KEY-----\n"));
        assert_eq!(key.reveal().parse::<PrivateKey>().unwrap(), key);
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(pem.parse::<PrivateKey>().unwrap().reveal(), pem);
    }

    #[test]
    fn what_ssh_could_not_use_is_refused_with_the_reason() {
        let refused = |text: &str| text.parse::<PrivateKey>().unwrap_err();
        assert_eq!(refused("ssh-ed25519 AAAA me@desk"), InvalidPrivateKey::Public);
        assert_eq!(refused(&openssh("aes256-ctr")), InvalidPrivateKey::Protected);
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n\
                   -----END RSA PRIVATE KEY-----";
        assert_eq!(refused(old), InvalidPrivateKey::Protected);
        let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nM\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(refused(pkcs8), InvalidPrivateKey::Protected);
        assert_eq!(refused(&"x".repeat(LONGEST + 1)), InvalidPrivateKey::TooLong);
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
        for text in ["", "secret", certificate, "-----BEGIN OPENSSH PRIVATE KEY-----"] {
            assert_eq!(refused(text), InvalidPrivateKey::NoKey, "{text}");
        }
        assert_eq!(refused(&openssh("none").replace("b3Bl", "????")), InvalidPrivateKey::NoKey);
    }
}
