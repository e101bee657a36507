use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::module::until;

fn start_host(home: &Path, code: &str, stdin: &str) -> (Child, PathBuf) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/local/start-host");
    let mut child = Command::new(program)
        .args([&format!("--code={code}"), "--redirect-url=https://x", "--name=vm-1"])
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    (child, home.join("remote-desktop-record.json"))
}

#[test]
fn the_stand_in_records_what_it_was_given_and_stays() {
    let home = tempfile::tempdir().unwrap();
    let (mut child, record) = start_host(home.path(), "4/abc", "123456\n123456\n");
    let host_file = home.path().join(".config/chrome-remote-desktop/host#local.json");
    until("it is registered", || fs::read(&host_file).is_ok_and(|text| !text.is_empty()));
    let host: Value = serde_json::from_slice(&fs::read(host_file).unwrap()).unwrap();
    assert_eq!(host["host_name"], "vm-1");
    let text: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let arguments = ["--code=4/abc", "--redirect-url=https://x", "--name=vm-1"];
    assert_eq!(text, json!({"arguments": arguments, "pin": "123456", "pid": child.id()}));
    assert_eq!(fs::metadata(&record).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_stand_in_refuses_what_the_real_one_would() {
    let home = tempfile::tempdir().unwrap();
    let cases = [
        ("expired-code", "123456\n123456\n", "the code has expired"),
        ("4/abc", "123456\n123457\n", "the two PINs differ"),
        ("4/abc", "123\n123\n", "at least 6 digits"),
        ("4/abc", "123456\n", "was not repeated"),
    ];
    for (code, stdin, reason) in cases {
        let (child, record) = start_host(home.path(), code, stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(reason), "{said}");
        assert!(!record.exists());
    }
}
