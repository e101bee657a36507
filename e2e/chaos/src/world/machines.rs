//! What the machines themselves tell: the scripts' notes, and the folders that are there.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Result;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Scripts;
use crate::clock::At;

#[derive(Default, Serialize)]
pub struct Machines {
    pub starts: Vec<Start>,
    pub calls: Vec<VmCall>,
    /// Local machines that are there at the end.
    pub folders: Vec<Folder>,
}

/// A start of the stand-in for the remote desktop.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    pub at: At,
    pub hostname: String,
    pub code: String,
    pub pin: String,
    /// Traces of earlier starts that the home holds: `PIN.PERSON`.
    pub marks: Vec<String>,
}

impl Start {
    /// The person who gave the command, as its code says.
    pub fn person(&self) -> &str {
        person_of(&self.code)
    }
}

/// The person part of `4/PERSON-N`.
pub fn person_of(code: &str) -> &str {
    let rest = code.split_once('/').map_or(code, |(_, rest)| rest);
    rest.split('-').next().unwrap_or(rest)
}

/// A call of `vm.sh`, and how its folder was at that moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VmCall {
    pub at: At,
    pub verb: String,
    pub hostname: String,
    /// There was a machine.
    pub existed: bool,
    /// It came with what a machine is made of, and not only with its name.
    pub given: bool,
    pub enrolled: bool,
    /// It becomes a new machine, whatever it was.
    pub token: bool,
    pub marks: Vec<String>,
}

impl VmCall {
    /// A machine that worked, and all that was on it, went.
    pub fn ends_machine(&self) -> bool {
        self.existed
            && self.enrolled
            && (self.verb == "remove" || self.verb == "start" && self.token)
    }

    /// A machine came that had not been there.
    pub fn makes_machine(&self) -> bool {
        self.verb == "start" && self.given && (!self.existed || self.token)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Folder {
    pub hostname: String,
    pub marks: BTreeSet<String>,
}

impl Machines {
    pub fn read(scripts: &Scripts, vms: &Path) -> Result<Self> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(vms)? {
            let entry = entry?;
            if entry.path().join("settings").exists() {
                let hostname = entry.file_name().to_string_lossy().into_owned();
                let marks = fs::read_dir(entry.path().join("home/marks")).into_iter().flatten();
                let marks = marks.flatten().map(|it| it.file_name().to_string_lossy().into_owned());
                folders.push(Folder { hostname, marks: marks.collect() });
            }
        }
        Ok(Self {
            starts: lines(&scripts.records().join("starts.jsonl"))?,
            calls: lines(&scripts.records().join("vm.jsonl"))?,
            folders,
        })
    }
}

/// A script that was killed may have left half a line.
fn lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file)?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
