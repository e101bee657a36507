//! What LabLink promises to people, tried on the built programs. One executable, so that its
//! stories run side by side: most of their time is waiting.

mod agreement;
mod crash_during_launch;
mod crashes;
mod destroy;
mod launch;
mod manual_machine;
mod participant;
mod restart;
mod secrets;
mod stop_during_launch;
