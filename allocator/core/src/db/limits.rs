//! How long Postgres, and the way to it, may take: every limit there is, in one place.
//!
//! The kernel reports a connection that dies. Nobody reports one that falls silent, on our side or
//! behind a proxy that still takes our bytes, so each limit of the server has one of ours beside
//! it.

use std::time::Duration;

/// For a connection, with TLS and login; shared by the hosts that an address names.
pub const CONNECT: Duration = Duration::from_secs(3);
/// For a request that waits until a connection of the pool is free.
pub const POOL: Duration = Duration::from_secs(3);

/// For a statement of the pool, kept by the server.
pub const STATEMENT: Duration = Duration::from_secs(15);
/// For a transaction that does nothing, kept by the server.
pub const IDLE_TRANSACTION: Duration = Duration::from_secs(15);
/// For the server's silence while a connection of the pool waits for an answer: longer than what
/// the server itself would end.
pub const SILENCE: Duration = Duration::from_secs(18);
/// The same for migrations, some of which may take long.
pub const MIGRATION_SILENCE: Duration = Duration::from_hours(2);

/// The listener asks for a sign of life this often, and gives all connections up without one.
pub const PULSE_EVERY: Duration = Duration::from_secs(1);
pub const PULSE: Duration = Duration::from_millis(2500);
/// A connection that was taken from the pool so lately is handed out unasked; others are asked.
pub const TRUSTED: Duration = Duration::from_secs(2);
/// For the answer of a connection that is asked.
pub const RECYCLE: Duration = Duration::from_secs(2);
/// For all of `/readyz`.
pub const READY: Duration = Duration::from_secs(2);

/// TCP: what was sent and not acknowledged, and how idle connections are probed.
pub const UNACKNOWLEDGED: Duration = Duration::from_secs(4);
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(2);
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
pub const KEEPALIVE_RETRIES: u32 = 3;
