use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use lablink_core::collections::Collector;

use crate::{
    lab::{SshLab, whole, wish},
    unpack::{self, Tree},
    windows,
};

/// What participants have called their files, and what they might.
const NASTY: [&[u8]; 32] = [
    b" begins and ends with a space .slp",
    b"-rf.slp",
    b"--files-from=x.slp",
    b"two\nlines.slp",
    b"'quotes' and \"double\" ones.slp",
    b"$(touch /tmp/lablink-was-here).slp",
    b"`id`;rm -rf *|&.slp",
    b"tab\tbell\x07escape\x1b.slp",
    b"back\\slash \\n.slp",
    b"..slp",
    b"tar: a.slp: Cannot open.slp",
    "M\u{e4}use \u{1f401} \u{65e5}\u{672c}.slp".as_bytes(),
    b"not UTF-8: \xff\xfe.slp",
    b"-C/-t.slp",
    b"a: b/c: d.slp",
    b"* ? [a] {b}~.slp",
    b"time 12:30.slp",
    b"CON.slp",
    b"com1.tar.slp",
    "LPT\u{b2}.slp".as_bytes(),
    b"aux /nul.slp",
    b"ends.../with dots. /x.slp",
    b"Twice.slp",
    b"twice.slp",
    b"TWICE.SLP",
    "\u{e9}t\u{e9}.slp".as_bytes(),
    "e\u{301}te\u{301}.slp".as_bytes(),
    b"Both.slp",
    b"both.slp/in it.slp",
    b"time 12_30.slp",
    b"Folder/a.slp",
    b"folder/a.slp",
];

#[tokio::test(flavor = "multi_thread")]
async fn nasty_names_can_be_unpacked_everywhere_and_told() {
    let lab = SshLab::new().await;
    let vm = lab.vm("con").await;
    let local = lab.local_vm(2).await;
    let long = [b"deep/".repeat(60).as_slice(), &b"n".repeat(200), b".slp"].concat();
    // By the name that a file had.
    let mut expected = Tree::new();
    for (number, name) in NASTY.into_iter().chain([long.as_slice()]).enumerate() {
        let contents = number.to_string().repeat(number * 700);
        for (desktop, folder) in [(vm.desktop(), "con_/"), (local.clone(), "vm_2/")] {
            let path = desktop.join(OsStr::from_bytes(name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &contents).unwrap();
            expected.insert([folder.as_bytes(), name].concat(), contents.clone().into_bytes());
        }
    }
    let archive = lab.collector().collect(&wish(None)).await.unwrap();
    let path = lab.path("nasty.zip");
    fs::write(&path, whole(archive).await).unwrap();
    let again = lab.collector().collect(&wish(None)).await.unwrap();
    let again_path = lab.path("again.zip");
    fs::write(&again_path, whole(again).await).unwrap();
    let tools: [fn(&_, &_) -> Tree; 2] = [unpack::with_python, unpack::with_unzip];
    for (number, tool) in tools.into_iter().enumerate() {
        let mut tree = tool(&path, &lab.path(&format!("out-{number}")));
        let report = unpack::report(&tree);
        assert!(report[..2].iter().all(|row| row[6] == "complete"), "{report:?}");
        tree.remove(b"REPORT.csv".as_slice());
        windows::unpacks(tree.keys());
        let second = tool(&again_path, &lab.path(&format!("again-{number}")));
        assert!(tree.keys().all(|name| second.contains_key(name)), "not the same names again");
        // The report tells what each was called.
        let original = |stored: Vec<u8>| {
            let row = report.iter().find(|row| row[1].as_bytes() == stored && !row[8].is_empty());
            row.map_or(stored, |row| unpack::bytes(&row[8], &row[6]))
        };
        let tree: Tree = tree.into_iter().map(|(name, it)| (original(name), it)).collect();
        let lost: Vec<_> = expected.keys().filter(|it| !tree.contains_key(*it)).collect();
        assert!(lost.is_empty(), "lost {lost:?}, and found {:?}", tree.keys());
        assert!(tree == expected, "the contents differ");
    }
    assert!(!fs::exists("/tmp/lablink-was-here").unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_unpacked_outside_the_folder() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    vm.write("good.slp", "good");
    vm.write("..\\..\\evil.slp", "evil");
    let tree = lab.download().await.unwrap();
    let names: Vec<&[u8]> = tree.keys().map(Vec::as_slice).collect();
    assert_eq!(names, [b"REPORT.csv".as_slice(), b"desk-1/.._.._evil.slp", b"desk-1/good.slp"]);
    let row = &unpack::report(&tree)[1];
    assert_eq!((&*row[1], &*row[8]), ("desk-1/.._.._evil.slp", "desk-1/..\\..\\evil.slp"));

    // A VM may say anything: the list, and what is sent.
    vm.replace_program("find", "#!/bin/sh\nprintf '4,8 ../../evil.slp\\0'\n");
    let error = lab.download().await.unwrap_err().to_string();
    assert!(error.contains("it answered what is no list of files"), "{error}");
    vm.replace_program("find", "#!/bin/sh\nprintf '4,8 good.slp\\0'\n");
    vm.replace_program(
        "tar",
        "#!/bin/sh\necho ./good.slp >&2\ncd /etc && exec /bin/tar -cP ../etc/hostname\n",
    );
    let error = lab.download().await.unwrap_err().to_string();
    assert!(error.contains("it sent what it was not asked for"), "{error}");
}
