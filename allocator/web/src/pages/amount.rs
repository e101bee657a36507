//! Amounts, as people read them.

/// Such as `3.2 MB`.
pub fn size(bytes: &i64) -> String {
    const UNITS: [(i64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let bytes = *bytes;
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} bytes"),
        Some((unit, word)) if bytes >= 100 * unit => format!("{} {word}", bytes / unit),
        Some((unit, word)) => format!("{}.{} {word}", bytes / unit, bytes % unit * 10 / unit),
    }
}

/// Such as `1 file`.
pub fn files(count: &i64) -> String {
    if *count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}
