//! The built agent against an allocator of our own making, and a script as remote desktop.

mod allocator;
mod claims;
mod enrolment;
mod reports;
mod vm;
