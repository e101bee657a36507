//! Server-sent events.

use anyhow::Result;
use reqwest::Response;

use super::NoAnswer;

/// What an allocator tells as it happens.
pub struct Events {
    answer: Response,
    url: String,
    /// What came and is no whole line yet.
    rest: Vec<u8>,
    data: String,
}

impl Events {
    pub fn new(url: &str, answer: Response) -> Self {
        Self { answer, url: url.to_owned(), rest: Vec::new(), data: String::new() }
    }

    /// The data of the next event. None: no more come.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(data) = self.read() {
                return Ok(Some(data));
            }
            let piece = self.answer.chunk().await;
            match piece.map_err(|error| NoAnswer::new(&self.url, error))? {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }

    /// Whole lines up to the end of an event.
    fn read(&mut self) -> Option<String> {
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                if !self.data.is_empty() {
                    return Some(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        None
    }
}
