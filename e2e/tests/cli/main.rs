//! The program `lablink`, as operators and scripts call it.

mod api;
mod calls;
mod lablink;
