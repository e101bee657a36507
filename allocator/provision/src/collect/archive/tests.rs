use std::{path::Path, process::Command};

use tokio::sync::mpsc;

use super::*;

const LIST: &str = r#"
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
for it in archive.infolist():
    read = len(archive.read(it)) if it.file_size < 1 << 30 else "unread"
    print(it.filename, it.file_size, read)
"#;

/// What Python finds in an archive: names, sizes, and how much it could read.
fn found(archive: &Path) -> Vec<String> {
    let python = Command::new("python3").args(["-c", LIST]).arg(archive).output().unwrap();
    assert!(python.status.success(), "{python:?}");
    String::from_utf8(python.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn head(name: &str, size: u64) -> Head {
    let (name, modified) = (name.to_owned(), Timestamp::UNIX_EPOCH);
    Head { name, modified, layout: Layout::full(size), form: Form::Filled }
}

/// The archive that comes of these parts.
fn written(parts: Vec<Part>, medium: impl Medium) -> u64 {
    let (sender, receiver) = mpsc::channel(parts.len());
    for part in parts {
        sender.try_send(part).ok().unwrap();
    }
    let size = write(receiver, medium).unwrap();
    drop(sender);
    size
}

fn piece(number: u64, size: usize) -> Part {
    Part::Piece(Number(number), vec![b'x'; size])
}

#[test]
fn what_is_left_leaves_no_gap_and_what_is_pending_at_the_end_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.zip");
    let parts = vec![
        Part::Begin(Number(0), head("left", 3_000_000)),
        Part::Begin(Number(1), head("kept", 600_000)),
        Part::Begin(Number(2), head("empty", 0)),
        Part::Begin(Number(3), head("pending", 300_000)),
        piece(0, 1_000_000),
        piece(1, 400_000),
        piece(3, 300_000),
        piece(1, 200_000),
        Part::Keep(Number(2)),
        Part::Leave(Number(0)),
        Part::Begin(Number(4), head("more", 5)),
        piece(4, 5),
        Part::Keep(Number(1)),
        Part::Keep(Number(4)),
        Part::SignOfLife,
        Part::Report(b"all".to_vec()),
    ];
    let size = written(parts, Kept::new(std::fs::File::create_new(&path).unwrap()));
    assert_eq!(size, std::fs::metadata(&path).unwrap().len());
    assert!(size < 601_000, "{size}");
    assert_eq!(found(&path), ["kept 600000 600000", "empty 0 0", "more 5 5", "REPORT.csv 3 3"]);
}

#[test]
fn what_flows_stays_whole_whatever_is_left_and_however_long_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowing.zip");
    let mut spooled = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut spooled, &[b'y'; 70_000]).unwrap();
    std::io::Seek::rewind(&mut spooled).unwrap();
    // Twice: the first one hears only that something was written before.
    let alive = || [Part::SignOfLife, Part::SignOfLife];
    let mut parts = Vec::from(alive());
    parts.extend([Part::Begin(Number(0), head("left", 3_000_000)), piece(0, 100_000)]);
    parts.extend(alive());
    parts.extend([
        Part::Leave(Number(0)),
        Part::Whole(head("spooled", 70_000), Content::Spooled(spooled)),
    ]);
    parts.extend(alive());
    parts.extend([Part::Begin(Number(1), head("más", 200_000)), piece(1, 100_000)]);
    parts.extend(alive());
    parts.extend([piece(1, 100_000), Part::Begin(Number(2), head("spoiled", 5)), piece(2, 5)]);
    parts.extend([Part::Keep(Number(1)), Part::Leave(Number(2)), Part::Report(Vec::new())]);
    let size = written(parts, Flowing::new(std::fs::File::create_new(&path).unwrap()));
    assert_eq!(size, std::fs::metadata(&path).unwrap().len());
    assert_eq!(found(&path), ["spooled 70000 70000", "más 200000 200000", "REPORT.csv 0 0"]);
    let unzip = Command::new("unzip").arg("-t").arg(&path).output().unwrap();
    assert!(unzip.status.success(), "{unzip:?}");
}

#[test]
fn a_file_of_more_than_four_gigabytes_and_what_lies_behind_it_are_found() {
    const HUGE: u64 = 5_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.zip");
    let medium = Kept::new(std::fs::File::create_new(&path).unwrap());
    let mut book = Book { medium, open: HashMap::new(), entries: Vec::new() };
    book.begin(Number(0), &head("huge", HUGE)).unwrap();
    // As if its bytes had come: they stay a hole.
    let open = book.open.get_mut(&Number(0)).unwrap();
    (open.came, open.entry.stored) = (HUGE, HUGE);
    book.keep(Number(0));
    book.plain(&head("behind", 6), b"behind").unwrap();
    let size = book.finish(b"report", || true).unwrap();
    assert!(size > HUGE && size == std::fs::metadata(&path).unwrap().len());
    assert_eq!(found(&path), ["huge 5000000000 unread", "behind 6 6", "REPORT.csv 6 6"]);
    let unzip = Command::new("unzip").arg("-p").arg(&path).arg("behind").output().unwrap();
    assert_eq!(unzip.stdout, b"behind", "{unzip:?}");
}
