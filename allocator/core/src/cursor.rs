//! Where the next page of a list begins.

use std::{fmt, str::FromStr};

use crate::DbError;

/// The place of an entry in a list: its part of the list, and its mark there. Of use for the same
/// list alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) nth: usize,
    pub(crate) mark: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.nth, self.mark)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (nth, mark) = text.split_once('.').ok_or(InvalidCursor)?;
        let nth = nth.parse().map_err(|_no_number| InvalidCursor)?;
        Ok(Self { nth, mark: mark.replace('\0', "") })
    }
}

/// Why a text is no [`Cursor`], or none of this list.
#[derive(Debug, thiserror::Error)]
#[error("this is no cursor: take the one that the page before gave as `next`")]
pub struct InvalidCursor;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    #[error("the list could not be read")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(PageError);
