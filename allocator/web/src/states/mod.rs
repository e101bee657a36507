//! How VMs, claims and archives stand, in the words of every page that shows them.

pub mod attention;
pub mod trouble;
pub mod used;
pub mod used_note;
