//! Tells pages and programs that something has changed (server-sent events).

pub mod changes;
pub mod events;
