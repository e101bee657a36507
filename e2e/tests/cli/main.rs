//! The program `lablink`, as operators and scripts call it.

mod api;
mod broken_way;
mod calls;
mod cloud;
mod lablink;
mod verify;
mod whole_way;
