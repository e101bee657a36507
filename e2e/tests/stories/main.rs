//! What LabLink promises to people, tried on the built programs. One executable, so that its
//! stories run side by side: most of their time is waiting.

mod agreement;
mod cleaned_machine;
mod copied_token;
mod crash_during_launch;
mod crashes;
mod database_away;
mod destroy;
mod doctor;
mod hanging;
mod install;
mod launch;
mod line;
mod lock_out;
mod manual_machine;
mod participant;
mod reboot;
mod reload;
mod restart;
mod results;
mod secrets;
mod stop_during_launch;
