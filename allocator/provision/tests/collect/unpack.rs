//! Unpacks archives with other people's tools, and looks at folders as they come out.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
};

/// The files of a folder: relative path, as bytes, and contents.
pub type Tree = BTreeMap<Vec<u8>, Vec<u8>>;

/// Writes names as the bytes that are in the archive: its own text form of a name that is not
/// UTF-8 would be another name.
const PYTHON: &str = r#"
import os, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
for member in archive.infolist():
    name = member.filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437")
    path = os.path.join(os.fsencode(sys.argv[2]), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(member) as source, open(path, "wb") as target:
        target.write(source.read())
"#;

pub fn with_python(archive: &Path, to: &Path) -> Tree {
    run(Command::new("python3").args([OsStr::new("-c"), OsStr::new(PYTHON)]).arg(archive).arg(to));
    read(to)
}

pub fn with_unzip(archive: &Path, to: &Path) -> Tree {
    run(Command::new("unzip").arg("-q").arg(archive).arg("-d").arg(to));
    read(to)
}

fn run(command: &mut Command) {
    let output = command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

pub fn read(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
                tree.insert(name, fs::read(path).unwrap());
            }
        }
    }
    tree
}

/// The rows of a REPORT.csv, without its head.
pub fn report(tree: &Tree) -> Vec<Vec<String>> {
    let text = tree.get(b"REPORT.csv".as_slice()).expect("there is a report");
    let mut rows = csv::Reader::from_reader(text.as_slice());
    rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// A path of a report as the bytes that it stands for.
pub fn bytes(text: &str, result: &str) -> Vec<u8> {
    if !result.contains("not plain text") {
        return text.as_bytes().to_vec();
    }
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.as_bytes());
        rest = match after.strip_prefix('x') {
            Some(hex) => {
                bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
                &hex[2..]
            }
            None => {
                bytes.push(b'\\');
                &after[1..]
            }
        };
    }
    bytes.extend(rest.as_bytes());
    bytes
}
