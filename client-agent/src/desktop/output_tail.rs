use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{io::AsyncReadExt as _, net::unix::pipe::Receiver, task::JoinHandle, time::timeout};

const KEPT: usize = 4 * 1024;
const LONGEST_LINE: usize = 200;
/// Somebody else may hold the program's output open after its end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Reads a program's output to its end, so that it never blocks, and keeps the last 4 KiB.
pub struct OutputTail {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// The end of what a program said.
pub struct LastWords(Vec<u8>);

impl OutputTail {
    /// Follows `output`, until it is closed or this value is dropped.
    pub fn follow(output: io::PipeReader) -> io::Result<Self> {
        let mut output = Receiver::from_owned_fd(output.into())?;
        let kept = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&kept);
        let reader = tokio::spawn(async move {
            let mut chunk = [0; 1024];
            while let Ok(read @ 1..) = output.read(&mut chunk).await {
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&chunk[..read]);
                let excess = kept.len().saturating_sub(KEPT);
                kept.drain(..excess);
            }
        });
        Ok(Self { kept, reader })
    }

    /// What was said last; to be called when the program has ended.
    pub async fn last_words(mut self) -> LastWords {
        let _cut_short = timeout(LAST_WORDS, &mut self.reader).await;
        LastWords(self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Drop for OutputTail {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl LastWords {
    /// The lines that are not empty, each of at most 200 characters, without control characters and
    /// with each of `secrets` (URL-encoded too) replaced by `…`.
    pub fn lines(&self, secrets: &[&str]) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.0);
        // A first line that was cut may start in the middle of a secret.
        let after_first = || text.split_once('\n').map_or("", |(_cut, rest)| rest);
        let whole = if self.0.len() < KEPT { &*text } else { after_first() };
        let lines = whole.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| shown(line, secrets)).collect()
    }
}

fn shown(line: &str, secrets: &[&str]) -> String {
    let mut line = line.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        line = line.replace(secret, "…").replace(&secret.replace('/', "%2F"), "…");
    }
    line.chars().filter(|c| !c.is_control()).take(LONGEST_LINE).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_was_said_is_told_without_secrets() {
        let said = LastWords(b"first\nbad code 4/ab, code=4%2Fab, PIN 123456\x1b\n\n".to_vec());
        let lines = said.lines(&["4/ab", "123456", ""]);
        assert_eq!(lines, ["first", "bad code …, code=…, PIN …"]);
        assert!(LastWords(b" \n".to_vec()).lines(&[]).is_empty());
    }

    #[test]
    fn a_line_whose_start_is_lost_is_not_told() {
        assert!(LastWords(vec![b'x'; KEPT]).lines(&["y"]).is_empty());
    }

    #[tokio::test]
    async fn much_output_is_read_and_its_end_kept() {
        let (output, mut program) = io::pipe().unwrap();
        let tail = OutputTail::follow(output).unwrap();
        let writer = tokio::task::spawn_blocking(move || {
            for _ in 0..50_000 {
                writeln!(program, "noise").unwrap();
            }
            writeln!(program, "the end").unwrap();
        });
        writer.await.unwrap();
        let said = tail.last_words().await;
        assert_eq!(said.lines(&[]).last().map(String::as_str), Some("the end"));
    }
}
