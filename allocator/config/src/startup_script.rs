//! What can be seen of a broken startup script before a VM runs it.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
};

/// Why the client, which runs the script with bash whatever its first line says, could not. `None`
/// too where there is no bash here to ask about the syntax.
pub(super) fn flaw(path: &Path) -> Option<String> {
    let script = match fs::read_to_string(path) {
        Ok(script) => script,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Some("is no UTF-8 text".into());
        }
        Err(error) => return Some(format!("can't be read: {error}")),
    };
    if script.starts_with('\u{feff}') {
        return Some("begins with a byte order mark: save it as UTF-8 without one".into());
    }
    if script.contains("\r\n") {
        return Some("has Windows line ends: save it with Unix ones".into());
    }
    other_interpreter(&script).or_else(|| syntax_error(path))
}

fn other_interpreter(script: &str) -> Option<String> {
    let shebang = script.lines().next()?.strip_prefix("#!")?.trim();
    let mut words = shebang.split_whitespace();
    let named = words.next().unwrap_or_default();
    let named = match named.ends_with("/env") {
        true => words.find(|word| !word.starts_with('-')).unwrap_or_default(),
        false => named,
    };
    let program = named.rsplit('/').next().unwrap_or_default();
    (!["bash", "sh", "dash"].contains(&program)).then(|| {
        format!(
            "begins with '#!{shebang}', and VMs run it with bash: call another program from a bash \
             script"
        )
    })
}

fn syntax_error(path: &Path) -> Option<String> {
    let script = File::open(path).ok()?;
    let read = Command::new("bash")
        .args(["--norc", "-n", "-s"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .stdin(script)
        .stdout(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&read.stderr);
    // `bash: line 3: …`
    let reason = said.lines().next().map(|line| line.trim_start_matches("bash: ")).unwrap_or("");
    (!read.status.success()).then(|| format!("is no sound script for bash: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw_of(script: impl AsRef<[u8]>) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, script).unwrap();
        flaw(file.path())
    }

    #[test]
    fn a_sound_script_passes_and_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ran");
        let touch = format!("touch '{}'\n", mark.display());
        for shebang in ["", "#!/bin/sh\n", "#!/usr/bin/env bash\n", "#! /usr/bin/env -S bash -e\n"]
        {
            assert_eq!(flaw_of(format!("{shebang}{touch}")), None, "{shebang}");
        }
        assert!(!mark.exists());
    }

    #[test]
    fn a_broken_one_is_told() {
        for (script, expected) in [
            (&b"if true; then\n  echo a\n"[..], "is no sound script for bash: line"),
            (b"#!/usr/bin/env python3\nprint(1)\n", "VMs run it with bash"),
            (b"#!/usr/bin/perl -w\n", "VMs run it with bash"),
            (b"#!\n", "VMs run it with bash"),
            (b"#!/bin/bash\r\necho a\r\n", "Windows line ends"),
            (b"\xef\xbb\xbf#!/bin/bash\n", "byte order mark"),
            (b"\xff\xfe", "no UTF-8"),
        ] {
            let found = flaw_of(script).unwrap_or_default();
            assert!(found.contains(expected), "{script:?}: {found}");
        }
    }
}
