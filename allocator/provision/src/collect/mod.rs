//! Brings participants' results home: lists the files on every VM and streams them, over SSH, into
//! one zip archive.
//!
//! A VM runs two constant scripts: one lists its files, the other sends them as a `tar` stream. A
//! file enters the archive once it is here as a whole, so a VM that stalls, lies or dies costs its
//! own files and nobody else's, and so does one that has, sends or takes too much. The archive's
//! `REPORT.csv` says what is missing, with reasons, what was left out though it may be meant, and
//! which file has another name there.

mod admission;
mod allowance;
mod archive;
mod chunks;
mod collector;
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
mod report;
mod room;
mod said;
mod script;
mod shelf;
mod skipped;
mod stream;
mod tally;
mod telling;
mod watched;

pub use collector::{CollectorParts, ZipCollector};
pub use limits::Limits;
