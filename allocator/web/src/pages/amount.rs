//! Amounts, for templates.

use lablink_core::amount;

/// As in `3.2 MB`.
pub fn size(bytes: &i64) -> String {
    amount::size(u64::try_from(*bytes).unwrap_or_default())
}

/// As in `1 file`.
pub fn files(count: &i64) -> String {
    amount::counted(u64::try_from(*count).unwrap_or_default(), "file")
}
