//! The program `lablink`, as operators and scripts call it.

mod api;
mod broken_way;
mod calls;
mod cloud;
mod interrupted;
mod lablink;
mod recording;
mod verify;
mod whole_way;
