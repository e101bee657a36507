use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::{errno::Errno, fcntl::OFlag};
use tracing::debug;

use super::{
    fallen::Fallen,
    xid::{self, Xids},
};

/// The kernel's log, read from the machine's start on, without ever waiting for more. Many machines
/// show it to root alone; then the driver's events have to do.
pub struct KernelLog {
    file: Option<File>,
    unfinished: String,
    fallen: Fallen,
}

impl KernelLog {
    pub fn open(path: &Path) -> Self {
        let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
        let file =
            file.inspect_err(|problem| debug!("the kernel's log can't be read: {problem}")).ok();
        Self { file, unfinished: String::new(), fallen: Fallen::default() }
    }

    /// Notes the GPU errors that were logged since the last call.
    pub fn read(&mut self, xids: &Xids) {
        let Some(file) = &mut self.file else { return };
        // /dev/kmsg gives one record a call, and refuses a buffer that it does not fit into.
        let mut record = [0; 8 * 1024];
        loop {
            match file.read(&mut record) {
                Ok(0) => return,
                Ok(length) => {
                    self.unfinished.push_str(&String::from_utf8_lossy(&record[..length]));
                    while let Some((line, rest)) = self.unfinished.split_once('\n') {
                        if let Some((address, number)) = xid::in_line(line) {
                            xids.note(address, number);
                        } else if let Some(address) = self.fallen.take(line) {
                            xids.note(address, xid::FALLEN_OFF_THE_BUS);
                        }
                        self.unfinished = rest.to_owned();
                    }
                }
                // Records were overwritten before they were read: the next call goes on.
                Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_nothing_more) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn errors_are_found_as_the_log_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kmsg");
        let mut file = File::create(&path).unwrap();
        writeln!(file, "6,1,0,-;booting\n3,2,9,-;NVRM: Xid (PCI:0000:01:00): 31, pid=7").unwrap();
        let xids = Xids::default();
        let mut log = KernelLog::open(&path);
        log.read(&xids);
        assert_eq!(xids.all(), [("0000:01:00".to_owned(), 31)]);
        write!(file, "3,3,9,-;NVRM: Xid (PCI:0000:01").unwrap();
        log.read(&xids);
        writeln!(file, ":00): 79, pid=8").unwrap();
        log.read(&xids);
        log.read(&xids);
        assert_eq!(xids.all().len(), 2);
    }

    #[test]
    fn a_gpu_that_is_gone_is_found_without_an_xid() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kmsg");
        let spread = "4,7,1,-;NVRM: The NVIDIA GPU 0000:b3:00.0\n4,8,1,-;NVRM: (PCI ID: 10de:1eb8)\n\
                      4,9,1,-;NVRM: installed in this system has\n\
                      4,9,1,-;NVRM: fallen off the bus and is not responding to commands.\n";
        let record = "4,7,1,-;NVRM: The NVIDIA GPU 0000:b3:00.0\\x0aNVRM: (PCI ID: 10de:1eb8)\\x0a\
                      NVRM: installed in this system has\\x0aNVRM: fallen off the bus and is not\n";
        let newer = "4,7,1,-;NVRM: GPU 0000:B3:00.0: GPU has fallen off the bus.\n";
        let both = format!("3,1,2,-;NVRM: Xid (PCI:0000:b3:00): 79, pid=1\n{newer}");
        for text in [spread, record, newer, &both] {
            std::fs::write(&path, text).unwrap();
            let xids = Xids::default();
            KernelLog::open(&path).read(&xids);
            assert_eq!(xids.all(), [("0000:b3:00".to_owned(), 79)], "{text}");
        }
        std::fs::write(&path, "NVRM: The NVIDIA GPU 0000:b3:00.0\nusb 1-1: off the bus\n").unwrap();
        let xids = Xids::default();
        KernelLog::open(&path).read(&xids);
        assert!(xids.all().is_empty());
    }

    #[test]
    fn a_log_that_may_not_be_read_tells_nothing() {
        let xids = Xids::default();
        KernelLog::open(Path::new("/no/such/log")).read(&xids);
        assert!(xids.all().is_empty());
    }
}
