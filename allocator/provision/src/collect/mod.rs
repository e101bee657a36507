//! Brings participants' results home: lists the files on every VM and streams them, over SSH, into
//! one zip archive.
//!
//! A VM runs two constant scripts: one lists its files, the other sends them as a `tar` stream. A
//! large file's bytes go straight to their place in the archive, where it counts once it is there
//! as a whole. So a VM that stalls, lies or dies costs its own files and nobody else's; nor does
//! one that has, sends or takes too much. What is missing stands in the archive's `REPORT.csv`,
//! with reasons; so does what was left out and may be meant, and which file has another name there.

mod admission;
mod allowance;
mod archive;
mod chunks;
mod collector;
mod coming;
mod conclusion;
mod content;
mod fetch;
mod gather;
mod harvest;
mod layout;
mod limits;
mod listing;
mod make;
mod names;
mod operation;
mod packed;
mod progress_report;
mod report;
mod room;
mod script;
mod shelf;
mod skipped;
mod stream;
mod talk;
mod tar_messages;
mod vm_progress;
mod watched;
mod way;

pub use collector::{CollectorParts, ZipCollector};
pub use limits::Limits;
