//! The plans of the statements that ran, as the server's log tells them: `auto_explain` writes one
//! for each statement, those of triggers and of the checks of foreign keys included.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use serde_json::Value;

/// How the server has to be set. It tells the plans of sessions with `auto_explain.log_min_duration`.
pub const SETTINGS: [(&str, &str); 8] = [
    ("shared_preload_libraries", "auto_explain"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_buffers", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_nested_statements", "on"),
    ("auto_explain.log_level", "log"),
    ("log_line_prefix", ""),
];

/// A statement that ran, and how.
pub struct Planned {
    pub statement: String,
    pub plan: Value,
}

/// Reads the log from where it was left.
pub struct Log {
    path: PathBuf,
    read: u64,
}

impl Log {
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// The plans since the last look.
    pub fn plans(&mut self) -> Vec<Planned> {
        let mut file = File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let mut text = Vec::new();
        self.read += file.read_to_end(&mut text).unwrap() as u64;
        plans(&String::from_utf8(text).unwrap())
    }
}

/// A plan begins in the line after `duration: … plan:`. All its lines begin with a tab.
fn plans(log: &str) -> Vec<Planned> {
    let mut lines = log.lines().peekable();
    let mut plans = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("LOG:  duration: ") && line.ends_with("plan:") {
            let mut json = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
                json += line;
            }
            let told: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{json}"));
            let statement = told["Query Text"].as_str().unwrap().to_owned();
            plans.push(Planned { statement, plan: told["Plan"].clone() });
        }
    }
    plans
}
