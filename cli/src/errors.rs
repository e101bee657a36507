//! Errors with an exit status of their own.

/// It was called in a way that can't be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongCall(pub String);

/// A check, or a person who was asked, said no.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);
