use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use lablink_protocol::is_invisible;
use unicode_normalization::UnicodeNormalization;

/// A participant's e-mail address, as it was typed and as a key. The key is the same however a
/// person types the address.
#[derive(Clone, Debug)]
pub struct Email {
    spelling: String,
    key: String,
}

/// A domain of e-mail addresses, however it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailDomain(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Enter your e-mail address, like name@example.org.")]
pub struct InvalidEmail;

/// The longest address, and the longest text that somebody pastes with it.
const LONGEST: usize = 254;
const LONGEST_PASTED: usize = 1000;

impl Email {
    /// The address as it was typed, in lower case and without what was pasted along with it.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// The same for every spelling of the address.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether the address is one at `domain` itself, not at a sub-domain of it.
    pub fn is_of(&self, EmailDomain(domain): &EmailDomain) -> bool {
        self.key.rsplit_once('@').is_some_and(|(_, own)| own == domain)
    }

    /// An address that was taken before; `key` is none where an older allocator took it.
    pub(crate) fn stored(spelling: String, key: Option<String>) -> Self {
        match (key, spelling.parse()) {
            (Some(key), _) => Self { spelling, key },
            (None, Ok(email)) => email,
            (None, Err(InvalidEmail)) => Self { key: spelling.clone(), spelling },
        }
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Checks only the form: something, one `@`, something, no spaces. Whether mail arrives there
    /// is unknown.
    fn from_str(pasted: &str) -> Result<Self, InvalidEmail> {
        if pasted.len() > LONGEST_PASTED {
            return Err(InvalidEmail);
        }
        let spelling = address_in(pasted);
        let is_printable = |c: char| !c.is_whitespace() && !c.is_control();
        let (name, domain) = spelling.split_once('@').ok_or(InvalidEmail)?;
        if name.is_empty() || domain.contains('@') || !spelling.chars().all(is_printable) {
            return Err(InvalidEmail);
        }
        let key = format!("{name}@{}", domain.parse::<EmailDomain>()?);
        let fits = spelling.len() <= LONGEST && key.len() <= LONGEST;
        fits.then_some(Self { spelling, key }).ok_or(InvalidEmail)
    }
}

impl FromStr for EmailDomain {
    type Err = InvalidEmail;

    /// By UTS 46, which gives `müller.example` and `xn--mller-kva.example` one form. Through Unicode
    /// first: what can't be seen is no part of a name, in either.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (unicode, readable) = idna::domain_to_unicode(text.trim());
        let seen: String = unicode.chars().filter(|c| !is_invisible(*c)).collect();
        let ascii = readable.and_then(|()| idna::domain_to_ascii(&seen));
        let ascii = ascii.map_err(|_no_name| InvalidEmail)?;
        let name = ascii.trim_end_matches('.');
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
        is_name.then(|| Self(name.to_owned())).ok_or(InvalidEmail)
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Email {}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl EmailDomain {
    /// The domain in its own script.
    pub fn for_people(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }
}

/// The address in a pasted text. It repeats until nothing changes, so that it is idempotent: texts
/// that older allocators stored are read again.
fn address_in(pasted: &str) -> String {
    let mut text = pasted.to_owned();
    loop {
        let next = unwrapped(&text);
        if next == text {
            return text;
        }
        text = next;
    }
}

/// Takes off one layer of what a mail program or a sentence puts round an address.
fn unwrapped(text: &str) -> String {
    let seen = text.nfc().filter(|c| !is_invisible(*c) && !is_fixed_blank(*c));
    let typed: String = seen.map(|c| if matches!(c, '＠' | '﹫') { '@' } else { c }).collect();
    let folded = typed.to_lowercase();
    let bare = folded
        .trim()
        .trim_end_matches(['.', ',', ';', ':', '。', '．', '｡', '，', '、', '､', '；', '：']);
    if let Some(link) = bare.strip_prefix("mailto:") {
        let address = link.split_once('?').map_or(link, |(address, _)| address);
        return percent_encoding::percent_decode_str(address).decode_utf8_lossy().into_owned();
    }
    if let Some((_name, address)) = bare.strip_suffix('>').and_then(|it| it.rsplit_once('<')) {
        return address.to_owned();
    }
    let pairs =
        [('(', ')'), ('[', ']'), ('"', '"'), ('\'', '\''), ('“', '”'), ('„', '“'), ('‘', '’')];
    let inner =
        pairs.iter().find_map(|(open, close)| bare.strip_prefix(*open)?.strip_suffix(*close));
    inner.unwrap_or(bare).to_owned()
}

/// Blanks that only keep a line from being broken.
fn is_fixed_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Email {
        text.parse().unwrap_or_else(|_invalid| panic!("{text:?}"))
    }

    #[test]
    fn one_person_however_they_type_it() {
        for text in [
            " Ada@Example.ORG\n",
            "\u{feff}ada@example.org\u{200b}",
            "ada\u{ad}@exa\u{200d}mple.org",
            "\u{202a}ada@example.org\u{202c}",
            "\u{a0}ada@example.org\u{a0}",
            "mailto:ada@example.org",
            "MAILTO:ada%40example.org?subject=Hi",
            "<ada@example.org>",
            "Ada Lovelace <ada@example.org>;",
            "\"Lovelace, Ada\" <mailto:ada@example.org>",
            "(ada@example.org).",
            "“ada@example.org”",
            "ada@example.org.",
            "ada@example.org,",
            "ada@example.org。",
            "ada＠example.org",
            "ada@ｅｘａｍｐｌｅ．ｏｒｇ",
        ] {
            assert_eq!(email(text), email("ada@example.org"), "{text:?}");
            assert_eq!(email(text).key(), "ada@example.org", "{text:?}");
        }
        assert_ne!(email("ada@example.org"), email("ada@mail.example.org"));
        assert_ne!(email("ada@example.org"), email("ada.l@example.org"));
    }

    #[test]
    fn a_domain_has_one_form_in_every_script_and_the_typed_one_is_shown() {
        let chromium = email("ada@xn--mller-kva.example");
        for text in ["ada@müller.example", "ada@mu\u{308}ller.example", "Ada@MÜLLER.example"] {
            assert_eq!(email(text), chromium, "{text:?}");
            assert_eq!(email(text).spelling(), "ada@müller.example");
        }
        assert_eq!(email("e\u{301}va@x.org"), email("Éva@x.org"));
        // A name in Persian that holds a joiner, as typed and as a browser sends it.
        let joined = "ada@\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}.example";
        let (ascii, _) =
            joined.rsplit_once('@').map(|(_, d)| (idna::domain_to_ascii(d).unwrap(), d)).unwrap();
        assert_eq!(email(joined), email(&format!("ada@{ascii}")));
        let domain: EmailDomain = "Müller.Example.".parse().unwrap();
        assert!(chromium.is_of(&domain) && domain.for_people() == "müller.example");
        assert!(!email("ada@sub.müller.example").is_of(&domain));
    }

    #[test]
    fn what_was_stored_reads_as_the_same_person() {
        for text in ["Ada <mailto:ADA@Müller.example>,", "ada@x", "İ@x.org", "Σ@x.org", "a'@x"] {
            let first = email(text);
            assert_eq!(email(first.spelling()).spelling(), first.spelling(), "{text}");
            assert_eq!(Email::stored(first.spelling().to_owned(), None), first, "{text}");
        }
        let odd = Email::stored("ada@xn--zzzzz999999".to_owned(), None);
        assert_eq!(odd.key(), "ada@xn--zzzzz999999", "no domain by today's rules");
    }

    #[test]
    fn refuses_slips() {
        for text in [
            "",
            "ada",
            "@x",
            "ada@",
            "ada@.",
            "a@b@c",
            "a da@x",
            "a@x\0",
            "ada@x, bob@x",
            "ada@\u{200b}",
            "Ada <ada>",
            &format!("a@{}", "x".repeat(260)),
            &" ".repeat(2000),
        ] {
            assert_eq!(text.parse::<Email>().err(), Some(InvalidEmail), "{text}");
        }
    }
}
