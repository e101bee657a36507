//! What an error of Postgres says about trying again: the one list of it.

use tokio_postgres::Error;

/// SQLSTATE's classes: connection exception, insufficient resources (too many connections among
/// them), operator intervention (a server that stops or starts, an idle session or a statement that
/// it ended).
const CLASSES: [&str; 3] = ["08", "53", "57"];
/// A transaction that the server ended because it did nothing, or took too long; whatever came after
/// that in the same transaction; a server that has become another's copy.
const STATES: [&str; 4] = ["25P03", "25P04", "25P02", "25006"];
/// Two transactions got in each other's way: serialization failure, deadlock.
const CONTENDED: [&str; 2] = ["40001", "40P01"];

/// Whether the database is away: the same statement may work in a moment, on another connection.
pub(super) fn is_away(error: &Error) -> bool {
    // Without an answer from the server, it is away.
    error
        .code()
        .is_none_or(|state| CLASSES.contains(&&state.code()[..2]) || STATES.contains(&state.code()))
}

/// Whether the same transaction may work at once.
pub(super) fn is_contended(error: &Error) -> bool {
    error.code().is_some_and(|state| CONTENDED.contains(&state.code()))
}
