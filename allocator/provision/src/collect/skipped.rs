use lablink_core::pools::Extension;

use crate::ssh::trouble::plain;

/// What lies where results do, was not collected, and may be meant all the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Skipped {
    /// The first ones.
    pub items: Vec<Item>,
    /// With those that are not among them.
    pub count: u64,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// From the place; empty: the place itself.
    pub path: Box<[u8]>,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A link to a folder elsewhere, with its target.
    LinkToFolder(Box<[u8]>),
    /// Likewise to a file with the wanted ending.
    LinkToFile(Box<[u8]>),
    /// Likewise to what is not there: a disk that is not mounted, say.
    LinkToNothing(Box<[u8]>),
    /// With a path that is longer than programs can open.
    LongPath,
    /// In a folder that is left out by its name.
    Folder,
}

/// Bounds for what is listed; more is counted.
const MOST_ITEMS: usize = 10_000;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How many are named in a sentence.
const NAMED: usize = 5;
/// The longest name in a sentence, in characters.
const LONGEST: usize = 80;

impl Skipped {
    pub fn add(&mut self, path: &[u8], why: Why) {
        self.count += 1;
        self.bytes += path.len() + why.target().len();
        if self.items.len() < MOST_ITEMS && self.bytes < MOST_BYTES {
            self.items.push(Item { path: path.into(), why });
        }
    }

    /// As in `results (a link to the folder /disk), models/a.slp (in a folder that is left out)`;
    /// none: there is nothing.
    pub fn told(&self) -> Option<String> {
        let named = |item: &Item| format!("{} ({})", short(&item.path), item.why.told());
        let named: Vec<String> = self.items.iter().take(NAMED).map(named).collect();
        let more = self.count - named.len() as u64;
        match (self.count, more) {
            (0, _) => None,
            (_, 0) => Some(named.join(", ")),
            (_, more) => Some(format!("{} and {more} more", named.join(", "))),
        }
    }
}

impl Why {
    pub fn told(&self) -> String {
        match self {
            Self::LinkToFolder(target) => format!("a link to the folder {}", short(target)),
            Self::LinkToFile(target) => format!("a link to the file {}", short(target)),
            Self::LinkToNothing(target) => {
                format!("a link to {}, which is not there", short(target))
            }
            Self::LongPath => "its path is too long to be read".to_owned(),
            Self::Folder => "in a folder that is left out by its name".to_owned(),
        }
    }

    fn target(&self) -> &[u8] {
        match self {
            Self::LinkToFolder(target) | Self::LinkToFile(target) | Self::LinkToNothing(target) => {
                target
            }
            Self::Folder | Self::LongPath => b"",
        }
    }
}

/// What a link is about that is not followed. `kind` is what lies behind it, as `find` tells it:
/// `d` is a folder, `N` that there is nothing, `?` that it can't be told.
///
/// One that stays below `place` hides nothing: what it leads to is found there, or is told itself.
pub(super) fn link(
    place: &[u8],
    path: &[u8],
    kind: &[u8],
    target: &[u8],
    extension: &Extension,
) -> Option<Why> {
    let fits = || has_ending(path, extension) || has_ending(target, extension);
    let why = match kind {
        b"d" if !is_programs(path) => Why::LinkToFolder(target.into()),
        b"f" if fits() => Why::LinkToFile(target.into()),
        b"N" | b"?" if fits() || !is_programs(path) && !is_another_kind(path) => {
            Why::LinkToNothing(target.into())
        }
        _ => return None,
    };
    (path.is_empty() || !stays_below(place, path, target)).then_some(why)
}

/// In a folder whose name begins with a full stop: there programs keep what is theirs.
fn is_programs(path: &[u8]) -> bool {
    let mut folders = path.split(|byte| *byte == b'/').rev().skip(1);
    folders.any(|folder| folder.starts_with(b"."))
}

/// Whether a name ends as files of some kind do: a link that is called so is meant for a file.
fn is_another_kind(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0) else {
        return false;
    };
    let ending = &name[dot + 1..];
    ending.first().is_some_and(u8::is_ascii_alphabetic)
        && ending.len() <= 5
        && ending.iter().all(u8::is_ascii_alphanumeric)
}

fn has_ending(path: &[u8], extension: &Extension) -> bool {
    let ending = format!(".{extension}");
    let at = path.len().checked_sub(ending.len());
    at.is_some_and(|at| path[at..].eq_ignore_ascii_case(ending.as_bytes()))
}

fn stays_below(place: &[u8], path: &[u8], target: &[u8]) -> bool {
    let below = target.strip_prefix(place).filter(|rest| rest.is_empty() || rest[0] == b'/');
    let parts: Vec<&[u8]> = match below {
        Some(rest) => rest.split(|byte| *byte == b'/').collect(),
        None if target.starts_with(b"/") => return false,
        None => {
            let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
            parts.pop();
            parts.into_iter().chain(target.split(|byte| *byte == b'/')).collect()
        }
    };
    let mut depth = 0_usize;
    for part in parts {
        match part {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(higher) => depth = higher,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

/// As a person reads it.
fn short(path: &[u8]) -> String {
    if path.is_empty() {
        return "the folder itself".to_owned();
    }
    let text = plain(path).replace('\n', "\u{fffd}");
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, kind: &str, target: &str) -> Option<String> {
        let slp = Extension::default();
        let why =
            link(b"/home/ada/Desktop", path.as_bytes(), kind.as_bytes(), target.as_bytes(), &slp);
        why.map(|why| why.told())
    }

    #[test]
    fn links_that_lead_elsewhere_are_told_if_results_may_lie_there() {
        let folder = |target: &str| Some(format!("a link to the folder {target}"));
        assert_eq!(told("results", "d", "/other/disk"), folder("/other/disk"));
        assert_eq!(told("a/up", "d", "../../x"), folder("../../x"));
        assert_eq!(told("near", "d", "/home/ada/Desktop2"), folder("/home/ada/Desktop2"));
        assert_eq!(told("", "d", "/mnt"), folder("/mnt"));
        let file = |target: &str| Some(format!("a link to the file {target}"));
        assert_eq!(told("a.SLP", "f", "/x/data"), file("/x/data"));
        assert_eq!(told("latest", "f", "/x/run.slp"), file("/x/run.slp"));
        let nothing = |target: &str| Some(format!("a link to {target}, which is not there"));
        assert_eq!(told("gone.slp", "N", "/unmounted/a"), nothing("/unmounted/a"));
        for name in ["results", "a/results", "run.1", ".hidden", "2026-11-26 run 3.2", ""] {
            assert_eq!(told(name, "N", "/unmounted/disk"), nothing("/unmounted/disk"), "{name}");
            assert_eq!(told(name, "?", "/private/disk"), nothing("/private/disk"), "{name}");
        }
    }

    #[test]
    fn links_that_hide_nothing_are_not() {
        for (path, kind, target) in [
            ("latest.slp", "f", "run1.slp"),
            ("a/latest", "d", "../b"),
            ("a", "d", "/home/ada/Desktop/b"),
            ("a", "d", "/home/ada/Desktop"),
            ("notes.txt", "f", "/x/notes.txt"),
            ("gone", "N", "nowhere"),
            ("a/gone", "N", "../nowhere"),
            ("notes.txt", "N", "/x/notes.txt"),
            ("clip.mp4", "N", "/x/clip.mp4"),
            (".mozilla/firefox/lock", "N", "127.0.1.1:+4242"),
            ("a/.config/lock", "N", "/elsewhere"),
            ("loop.slp", "L", "loop.slp"),
            (".config/pulse/run", "d", "/tmp/pulse"),
        ] {
            assert_eq!(told(path, kind, target), None, "{path}");
        }
    }

    #[test]
    fn a_sentence_names_the_first_and_a_list_is_bounded() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.told(), None);
        skipped.add(b"models/a\n.slp", Why::Folder);
        let first = "models/a\u{fffd}.slp (in a folder that is left out by its name)";
        assert_eq!(skipped.told().unwrap(), first);
        for _ in 0..20_000 {
            skipped.add(b"b", Why::LinkToFolder((*b"/c").into()));
        }
        assert_eq!((skipped.items.len(), skipped.count), (MOST_ITEMS, 20_001));
        assert!(skipped.told().unwrap().ends_with("(a link to the folder /c) and 19996 more"));
    }
}
