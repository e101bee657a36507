use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tracing::{info, warn};

use crate::allocator::{Api, retry::Trouble};

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reports whether `software` runs: at the start and on each change, for ever. A report that
/// fails is made again with the next look.
pub async fn watch(api: &Api, software: String) {
    let mut trouble = Trouble::new("reporting the use");
    let mut known: Option<Use> = None;
    let mut reported = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let name = software.clone();
        // Off the main thread, which has to hear of a claim at once.
        let looked = tokio::task::spawn_blocking(move || runs(&name)).await;
        let in_use = match looked.map_err(io::Error::other).flatten() {
            Ok(in_use) => in_use,
            Err(problem) => {
                warn!("can't see which programs run: {problem}");
                continue;
            }
        };
        let known = *match &mut known {
            Some(known) if known.in_use == in_use => known,
            changed => changed.insert(Use { in_use, since: now() }),
        };
        if reported == Some(known) {
            continue;
        }
        match api.report_in_use(known.in_use, known.since).await {
            Ok(()) => {
                trouble.is_over();
                info!(in_use, "use reported");
                reported = Some(known);
            }
            Err(error) => trouble.goes_on(&error),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Use {
    in_use: bool,
    /// When it was seen first, in seconds since 1970.
    since: u64,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether a process other than this one is the program `software`.
fn runs(software: &str) -> io::Result<bool> {
    let own = process::id().to_string();
    for entry in fs::read_dir("/proc")?.flatten() {
        let id = entry.file_name();
        let is_process = id.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if is_process && *id != *own && is(&entry.path(), software) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is(process: &Path, software: &str) -> bool {
    // Kernel threads and zombies have no arguments; a process may also be gone by now.
    let Ok(arguments) = fs::read(process.join("cmdline")) else { return false };
    if arguments.is_empty() {
        return false;
    }
    called(&arguments, software)
        || fs::read(process.join("comm"))
            .is_ok_and(|name| name.strip_suffix(b"\n") == Some(software.as_bytes()))
}

/// Whether the arguments (each ended by a NUL) start `software`: as the program, or as the script
/// or module that an interpreter runs.
fn called(arguments: &[u8], software: &str) -> bool {
    let mut arguments = arguments.split(|&byte| byte == 0).map(base_name);
    let program = arguments.next().unwrap_or_default();
    program == software.as_bytes()
        || is_interpreter(program)
            && arguments.find(|word| !word.starts_with(b"-")) == Some(software.as_bytes())
}

fn base_name(path: &[u8]) -> &[u8] {
    Path::new(OsStr::from_bytes(path)).file_name().unwrap_or_default().as_bytes()
}

fn is_interpreter(program: &[u8]) -> bool {
    let shells: [&[u8]; 4] = [b"sh", b"bash", b"dash", b"node"];
    shells.contains(&program)
        || [&b"python"[..], b"perl", b"ruby"].iter().any(|name| program.starts_with(name))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    struct Ended(Child);

    impl Drop for Ended {
        fn drop(&mut self) {
            let _gone = self.0.kill();
            let _reaped = self.0.wait();
        }
    }

    #[test]
    fn a_program_is_known_by_its_own_name_or_its_interpreters_script() {
        let is_sleap = |line: &str| called(line.replace(' ', "\0").as_bytes(), "sleap");
        assert!(is_sleap("/opt/bin/sleap --gui"));
        assert!(is_sleap("sleap"));
        assert!(is_sleap("/usr/bin/python3.11 -u /opt/bin/sleap a.slp"));
        assert!(is_sleap("python -m sleap"));
        assert!(!is_sleap("vim /home/me/sleap"));
        assert!(!is_sleap("python train.py sleap"));
        assert!(!is_sleap("sleap-label"));
        assert!(!is_sleap("files /home/sleap/data"));
    }

    #[test]
    fn a_running_program_is_found_and_a_zombie_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("watch{}", process::id());
        let program = folder.path().join(&name);
        fs::copy("/bin/sleep", &program).unwrap();
        assert!(!runs(&name).unwrap());
        let mut child =
            Ended(Command::new(&program).arg("30").stdin(Stdio::null()).spawn().unwrap());
        // Right after exec a process has no arguments yet.
        while !runs(&name).unwrap() {
            assert!(child.0.try_wait().unwrap().is_none());
        }
        child.0.kill().unwrap();
        let is_zombie = || {
            fs::read(format!("/proc/{}/cmdline", child.0.id())).is_ok_and(|line| line.is_empty())
        };
        while !is_zombie() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!runs(&name).unwrap());
    }
}
