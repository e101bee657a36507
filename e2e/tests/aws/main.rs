//! VMs on AWS, on a stand-in for it that `LABLINK_AWS_CLOUD` names. The allocator has to be built with
//! the feature `aws`.

mod asked_before;
mod class;
mod cut_off;
mod identity;
mod kills;
mod lab;
mod names;
mod no_room;
mod reboots;
mod told;
mod two;
mod unasked;
