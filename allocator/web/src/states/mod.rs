//! How VMs, claims and archives stand, in the words of every page that shows them.

pub mod afterwards;
pub mod archive;
pub mod asks_command;
pub mod attention;
pub mod claim;
pub mod gpu;
pub mod source;
pub mod trouble;
pub mod used_note;
pub mod vm;
