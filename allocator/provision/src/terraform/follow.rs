use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Reads what a program appends to a file, line by line. A file and not a pipe: Terraform dies
/// of a pipe whose reader is gone, but outlives us with a file.
pub(super) struct Follower {
    file: File,
    partial: Vec<u8>,
}

impl Follower {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, partial: Vec::new() })
    }

    /// The whole lines that have come since the last call.
    pub fn lines(&mut self) -> io::Result<Vec<String>> {
        self.file.read_to_end(&mut self.partial)?;
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let rest = self.partial.split_off(end + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gives_whole_lines_as_they_come() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut follower = Follower::open(file.path()).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(follower.lines().unwrap(), ["one"]);
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(follower.lines().unwrap(), ["two", "three"]);
        assert!(follower.lines().unwrap().is_empty());
    }
}
