use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ops::Range,
};

use unicode_normalization::UnicodeNormalization as _;

use super::{
    archive::{Form, REPORT},
    listing::Found,
    packed,
};
use crate::ssh::Machine;

/// The paths that a VM's files have in the archive: their own, unless some system could not unpack
/// them. Windows refuses characters, names of devices and ends of names, and takes names for the
/// same that differ by letter case; macOS takes those for the same that differ by Unicode form too.
///
/// What a file is called depends on the list of files alone, so it is the same at each collection.
#[derive(Debug)]
pub(super) struct Names {
    folder: String,
    /// By the file's own path: those that could not stay as they are.
    changed: HashMap<Box<[u8]>, String>,
    long: usize,
}

/// The longest path in the archive, in UTF-16's units: Windows takes 259, with the folder in front.
const LONGEST_PATH: usize = 180;
/// The longest name, in bytes: Linux takes 255.
const LONGEST_NAME: usize = 240;
/// What is kept of a name whose path is too long, from its end, in characters.
const TAIL: usize = 60;

impl Names {
    /// `files` are in the order of their paths' names; `folder` is the VM's in the archive.
    pub fn of(folder: &str, files: &[Found]) -> Self {
        let mut names = Self { folder: folder.to_owned(), changed: HashMap::new(), long: 0 };
        let files: Vec<&Found> = files.iter().collect();
        names.name_all(&files, 0, folder);
        names
    }

    /// The whole path of a file in the archive.
    pub fn stored(&self, path: &[u8]) -> String {
        let own = || format!("{}/{}", self.folder, String::from_utf8_lossy(path));
        self.changed.get(path).cloned().unwrap_or_else(own)
    }

    pub fn is_changed(&self, path: &[u8]) -> bool {
        self.changed.contains_key(path)
    }

    /// Names what lies in one folder: the paths of `files` all begin with the same `skip` bytes, and
    /// `above` is where these lead in the archive.
    fn name_all(&mut self, files: &[&Found], skip: usize, above: &str) {
        let mut entries = entries(files, skip);
        // Files that can keep their names are named first, then those that must take others.
        entries.sort_by_key(|entry| matches!(entry.fit(), Cow::Owned(_)));
        let mut taken = HashSet::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for entry in entries {
            let fitting = entry.fit();
            let Entry { name: own, is_folder, place, .. } = &entry;
            let mut name = fitting.to_string();
            while !taken.insert(folded(&name)) {
                let number = numbers.entry(folded(&fitting)).or_insert(1);
                *number += 1;
                name = numbered(&fitting, *number, *is_folder);
            }
            let path = format!("{above}/{name}");
            let files = &files[place.clone()];
            if path.encode_utf16().count() > LONGEST_PATH || name.len() > LONGEST_NAME {
                files.iter().for_each(|file| self.shorten(file));
            } else if *is_folder {
                self.name_all(files, skip + own.len() + 1, &path);
            } else if path.as_bytes() != [self.folder.as_bytes(), b"/", &*files[0].path].concat() {
                self.changed.insert(files[0].path.clone(), path);
            }
        }
    }

    /// Into a folder beside the VM's own, which no VM can have.
    fn shorten(&mut self, file: &Found) {
        self.long += 1;
        let last = file.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let fitting = fit_as(last, file.form());
        let start = fitting.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
        let stored = format!("{} (long names)/{:06} {}", self.folder, self.long, &fitting[start..]);
        self.changed.insert(file.path.clone(), stored);
    }
}

/// A VM's folder in the archive, beside which the report lies: `vm_3`, or the hostname of a VM
/// without a number, as far as a folder may be called so. Neither holds a slash, and hostnames hold
/// no underscore.
pub(super) fn folder(machine: &Machine) -> String {
    match machine.number {
        Some(number) => format!("vm_{number}"),
        None => folder_named(machine.hostname.as_str()),
    }
}

fn folder_named(name: &str) -> String {
    let fitting = fit(name.as_bytes());
    let is_report = fitting.eq_ignore_ascii_case(REPORT);
    if is_report { format!("{fitting}_") } else { fitting.into_owned() }
}

/// One name in a folder.
struct Entry<'a> {
    name: &'a [u8],
    is_folder: bool,
    /// Of a file.
    form: Form,
    /// Which of the files have it.
    place: Range<usize>,
}

impl Entry<'_> {
    fn fit(&self) -> Cow<'_, str> {
        if self.is_folder { fit(self.name) } else { fit_as(self.name, self.form) }
    }
}

fn entries<'a>(files: &[&'a Found], skip: usize) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let rest = &file.path[skip..];
        let slash = rest.iter().position(|byte| *byte == b'/');
        let (name, is_folder) = (&rest[..slash.unwrap_or(rest.len())], slash.is_some());
        match entries.last_mut() {
            Some(last) if is_folder && last.is_folder && last.name == name => {
                last.place.end = index + 1;
            }
            _ => {
                let (form, place) = (file.form(), index..index + 1);
                entries.push(Entry { name, is_folder, form, place });
            }
        }
    }
    entries
}

/// Likewise, of a file in this form.
fn fit_as(name: &[u8], form: Form) -> Cow<'_, str> {
    match form {
        Form::Filled => fit(name),
        Form::Packed => format!("{}{}", fit(name), packed::ENDING).into(),
    }
}

/// The name itself if every system takes it, else the nearest that they do.
fn fit(name: &[u8]) -> Cow<'_, str> {
    let own = std::str::from_utf8(name).ok();
    let mut text = String::with_capacity(name.len() + 1);
    for chunk in name.utf8_chunks() {
        let fits = |c: char| !c.is_control() && !r#"<>:"/\|?*"#.contains(c);
        text.extend(chunk.valid().chars().map(|c| if fits(c) { c } else { '_' }));
        text.extend((!chunk.invalid().is_empty()).then_some('_'));
    }
    let kept = text.trim_end_matches(['.', ' ']).len();
    let ends = text.len() - kept;
    text.truncate(kept);
    text.extend(std::iter::repeat_n('_', ends));
    let base = text.split('.').next().unwrap_or_default().trim_end_matches(' ');
    if is_device(base) {
        text.insert(base.len(), '_');
    }
    match own {
        Some(own) if own == text => Cow::Borrowed(own),
        _ => Cow::Owned(text),
    }
}

/// Whether Windows takes a name for a device, whatever comes behind its first full stop.
fn is_device(base: &str) -> bool {
    let base = base.to_uppercase();
    let port = base.strip_prefix("COM").or_else(|| base.strip_prefix("LPT"));
    let is_port = port.is_some_and(|number| {
        let mut digits = number.chars();
        let is_digit = digits.next().is_some_and(|it| it.is_ascii_digit() || "¹²³".contains(it));
        is_digit && digits.next().is_none()
    });
    is_port || matches!(&*base, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
}

/// The same for names that some system takes for the same.
fn folded(name: &str) -> String {
    let upper: String = name.nfd().flat_map(char::to_uppercase).collect();
    upper.chars().flat_map(char::to_lowercase).nfd().collect()
}

/// As in `time (2).slp`.
fn numbered(name: &str, number: u32, is_folder: bool) -> String {
    match name.rfind('.').filter(|at| *at > 0 && !is_folder) {
        Some(at) => format!("{} ({number}){}", &name[..at], &name[at..]),
        None => format!("{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::listing::in_order;

    fn stored(paths: &[&str]) -> Vec<String> {
        let found = |path: &&str| Found { path: path.as_bytes().into(), size: 0, held: 0 };
        let mut files: Vec<Found> = paths.iter().map(found).collect();
        in_order(&mut files);
        let names = Names::of("vm_1", &files);
        let stored = |path: &&str| names.stored(path.as_bytes())["vm_1".len()..].to_owned();
        paths.iter().map(stored).collect()
    }

    #[test]
    fn what_every_system_takes_stays_as_it_is() {
        for name in
            ["a.slp", "two words.slp", "Mäuse 🐁 日本.slp", "a/b/c.slp", ".hidden", "-rf", "~"]
        {
            assert_eq!(stored(&[name]), [format!("/{name}")]);
        }
    }

    #[test]
    fn what_windows_refuses_gets_another_name() {
        for (own, other) in [
            ("time 12:30.slp", "time 12_30.slp"),
            (r#"<>:"|?*\.slp"#, "________.slp"),
            ("two\nlines\t\u{7f}.slp", "two_lines__.slp"),
            ("CON.slp", "CON_.slp"),
            ("con", "con_"),
            ("nul.tar.gz", "nul_.tar.gz"),
            ("aux .slp", "aux_ .slp"),
            ("COM1.slp", "COM1_.slp"),
            ("lpt³.slp", "lpt³_.slp"),
            ("conout$", "conout$_"),
            ("end.", "end_"),
            ("end . ", "end___"),
            ("...", "___"),
            ("dir./prn/a:b.slp", "dir_/prn_/a_b.slp"),
            ("..\\..\\evil.slp", ".._.._evil.slp"),
        ] {
            assert_eq!(stored(&[own]), [format!("/{other}")], "{own}");
        }
        for name in ["COM10.slp", "CONSOLE.slp", "com.slp", "a.con", "LPTx"] {
            assert_eq!(stored(&[name]), [format!("/{name}")]);
        }
    }

    #[test]
    fn no_two_are_the_same_for_any_system() {
        let both = |one: &str, other: &str, stored_as: [&str; 2]| {
            let expected = stored_as.map(|name| format!("/{name}"));
            assert_eq!(stored(&[one, other]), expected, "{one} {other}");
            let reversed = stored(&[other, one]);
            assert_eq!([&reversed[1], &reversed[0]], [&expected[0], &expected[1]]);
        };
        both("A.slp", "a.slp", ["A.slp", "a (2).slp"]);
        both("M\u{e4}use.slp", "Ma\u{308}use.slp", ["M\u{e4}use (2).slp", "Ma\u{308}use.slp"]);
        both("STRASSE", "straße", ["STRASSE", "straße (2)"]);
        // A file beside a folder.
        both("Run", "run/a.slp", ["Run", "run (2)/a.slp"]);
        both("a:b/x.slp", "a_b", ["a_b (2)/x.slp", "a_b"]);
        both("Runs/a.slp", "runs/a.slp", ["Runs/a.slp", "runs (2)/a.slp"]);
        // The file that has the name already keeps it.
        both("a:.slp", "a_.slp", ["a_ (2).slp", "a_.slp"]);
        both("CON.slp", "con_.slp", ["CON_ (2).slp", "con_.slp"]);
        let many = stored(&["a?.slp", "a*.slp", "a_.slp", "a_ (2).slp"]);
        assert_eq!(many, ["/a_ (4).slp", "/a_ (3).slp", "/a_.slp", "/a_ (2).slp"]);
    }

    #[test]
    fn bytes_that_are_no_text_become_one() {
        let path: Box<[u8]> = (*b"not \xff\xfe/\x80.slp").into();
        let names = Names::of("vm_1", &[Found { path: path.clone(), size: 0, held: 0 }]);
        assert_eq!(names.stored(&path), "vm_1/not __/_.slp");
        assert!(names.is_changed(&path));
    }

    #[test]
    fn long_paths_are_brought_together() {
        let deep = format!("{}a:.slp", "deep/".repeat(60));
        let wide = format!("{}.slp", "日".repeat(83));
        let names = stored(&[&deep, &wide, "short.slp"]);
        assert_eq!(names[0], " (long names)/000001 a_.slp");
        assert_eq!(names[1], format!(" (long names)/000002 {}.slp", "日".repeat(TAIL - 4)));
        assert_eq!(names[2], "/short.slp");
    }

    #[test]
    fn what_is_packed_is_called_so_and_takes_nobodys_name() {
        let found = |path: &str, size| Found { path: path.as_bytes().into(), size, held: 0 };
        let mut files = [
            found("a/run.slp", 1 << 40),
            found("a/run.slp.tar", 0),
            found("a/x:.slp", 1 << 40),
            found(&format!("{}a.slp", "deep/".repeat(60)), 1 << 40),
        ];
        in_order(&mut files);
        let names = Names::of("vm_1", &files);
        assert_eq!(names.stored(b"a/run.slp"), "vm_1/a/run.slp (2).tar");
        assert_eq!(names.stored(b"a/run.slp.tar"), "vm_1/a/run.slp.tar");
        assert_eq!(names.stored(b"a/x:.slp"), "vm_1/a/x_.slp.tar");
        assert!(
            names.stored(format!("{}a.slp", "deep/".repeat(60)).as_bytes()).ends_with("a.slp.tar")
        );
    }

    #[test]
    fn a_vms_folder_fits_too() {
        for (name, stored) in [
            ("vm_3", "vm_3"),
            ("con", "con_"),
            ("nul.lab", "nul_.lab"),
            ("report.csv", "report.csv_"),
        ] {
            assert_eq!(folder_named(name), stored);
        }
    }
}
