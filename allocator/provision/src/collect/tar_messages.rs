use std::collections::HashMap;

/// What `tar` says while it writes: with `--verbose` it names each file as it begins it, and what
/// goes wrong with a file comes before the name of the next one. So a file is known to be whole as
/// soon as the next is named; its bytes alone can't tell, since what is missing is padded.
#[derive(Debug)]
pub(super) struct TarMessages {
    /// How many files were asked for: nobody has more to say.
    asked: usize,
    /// What went wrong with each file that was begun, in their order.
    begun: Vec<Option<Box<str>>>,
    /// The name of the last of them, as `tar` writes it.
    current: Vec<u8>,
    /// About files that were not begun, and whatever else was said.
    other: Vec<Vec<u8>>,
    /// Bytes of these.
    other_bytes: usize,
    ended: bool,
}

/// What is known of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Whole,
    /// It is not whole; why.
    Spoiled(String),
    /// `tar` is still at it.
    Open,
}

/// The most that is kept of other messages, in bytes.
const MOST_OTHER: usize = 4 * 1024 * 1024;
/// The most of a reason that is kept, in characters.
const LONGEST_WHY: usize = 300;

impl TarMessages {
    pub fn about(asked: usize) -> Self {
        let (begun, current, other) = (Vec::new(), Vec::new(), Vec::new());
        Self { asked, begun, current, other, other_bytes: 0, ended: false }
    }

    /// Takes a line, without its end.
    pub fn line(&mut self, line: &[u8]) {
        if line.starts_with(b"./") && self.begun.len() < self.asked {
            self.begun.push(None);
            self.current = line.to_vec();
            return;
        }
        if let Some(about) = complaint(line)
            && let Some(why) = about.strip_prefix(&*self.current)
            && let Some(why) = why.strip_prefix(b": ")
            && let Some(last) = self.begun.last_mut()
        {
            *last = Some(short(why).into());
        } else if self.other_bytes < MOST_OTHER {
            self.other_bytes += line.len() + size_of::<Vec<u8>>();
            self.other.push(line.to_vec());
        }
    }

    /// Nothing more will be said.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// About the file that came as number `index` in the archive, counted from 0.
    pub fn verdict(&self, index: usize) -> Verdict {
        match self.begun.get(index) {
            Some(Some(why)) => Verdict::Spoiled(why.to_string()),
            Some(None) if self.ended || index + 1 < self.begun.len() => Verdict::Whole,
            Some(None) => Verdict::Open,
            None if self.ended => Verdict::Spoiled("the connection ended".to_owned()),
            None => Verdict::Open,
        }
    }

    /// Why files were never begun, as far as that was said.
    pub fn reasons(&self) -> Reasons<'_> {
        let mut by_name = HashMap::new();
        for line in &self.other {
            let Some(about) = complaint(line).and_then(|it| it.strip_prefix(b"./")) else {
                continue;
            };
            // A name may hold what ends it, so it may end at each of these places.
            for end in ends(about).take(MOST_ENDS) {
                by_name.entry(&about[..end]).or_insert(&about[end + 2..]);
            }
        }
        Reasons { by_name }
    }

    /// What was said beside that, the last lines of it.
    pub fn last_words(&self) -> Vec<u8> {
        let from = self.other.len().saturating_sub(5);
        self.other[from..].join(&b'\n')
    }
}

/// What was said of files that were never begun, by their names as `tar` writes them.
pub(super) struct Reasons<'a> {
    by_name: HashMap<&'a [u8], &'a [u8]>,
}

impl Reasons<'_> {
    pub fn of(&self, path: &[u8]) -> Option<String> {
        self.by_name.get(&*escaped(path)).map(|why| short(why))
    }
}

/// The most ends of a name that are tried in one line.
const MOST_ENDS: usize = 16;

/// Where a name in a line may end.
fn ends(line: &[u8]) -> impl Iterator<Item = usize> {
    line.windows(2).enumerate().filter(|(_, two)| *two == b": ").map(|(at, _)| at)
}

/// `tar: ./name: why`, without the program's name, which may be a whole path.
fn complaint(line: &[u8]) -> Option<&[u8]> {
    let end = line.windows(2).position(|two| two == b": ")?;
    line[..end].ends_with(b"tar").then(|| &line[end + 2..])
}

fn short(why: &[u8]) -> String {
    String::from_utf8_lossy(&why[..why.len().min(LONGEST_WHY)]).into_owned()
}

/// As `--quoting-style=escape` has it in the locale C.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(path.len());
    for byte in path {
        match byte {
            b'\\' => text.extend(b"\\\\"),
            0x07 => text.extend(b"\\a"),
            0x08 => text.extend(b"\\b"),
            0x0c => text.extend(b"\\f"),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b'\t' => text.extend(b"\\t"),
            0x0b => text.extend(b"\\v"),
            b' '..=b'~' => text.push(*byte),
            other => text.extend(format!("\\{other:03o}").bytes()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_when_the_next_one_is_named() {
        let mut said = TarMessages::about(3);
        said.line(b"./a.slp");
        assert_eq!((said.verdict(0), said.verdict(1)), (Verdict::Open, Verdict::Open));
        said.line(b"./b.slp");
        said.line(b"/bin/tar: ./b.slp: File shrank by 7 bytes; padding with zeros");
        said.line(b"tar: ./c\\nd.slp: Cannot open: Permission denied");
        said.line(b"./tar: .slp");
        assert_eq!(said.verdict(0), Verdict::Whole);
        let why = "File shrank by 7 bytes; padding with zeros".to_owned();
        assert_eq!((said.verdict(1), said.verdict(2)), (Verdict::Spoiled(why), Verdict::Open));
        said.line(b"tar: ./e: f.slp: Cannot stat: No such file or directory");
        let why_not = |path: &[u8]| said.reasons().of(path);
        assert_eq!(why_not(b"c\nd.slp").unwrap(), "Cannot open: Permission denied");
        assert_eq!(why_not(b"e: f.slp").unwrap(), "Cannot stat: No such file or directory");
        assert_eq!(why_not(b"g.slp"), None);
        said.end();
        assert_eq!(said.verdict(2), Verdict::Whole);
        assert!(matches!(said.verdict(3), Verdict::Spoiled(_)));
    }

    #[test]
    fn names_are_written_as_tar_writes_them() {
        assert_eq!(escaped("a b\\c'\"\u{e9}\u{7f}".as_bytes()), br#"a b\\c'"\303\251\177"#);
    }
}
