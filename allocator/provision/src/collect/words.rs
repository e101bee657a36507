//! Figures as people read them.

/// As in `512 B`, `30 MB`, `1.5 GB`: powers of ten, at most one digit behind the point.
pub(super) fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1000.0, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", units[unit])
}

/// As in `1 file`, `2 files`.
pub(super) fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    }
}

/// As in `1 thing`, `2 things`: files, and links whatever they lead to.
pub(super) fn things(count: u64) -> String {
    match count {
        1 => "1 thing".to_owned(),
        many => format!("{many} things"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_digits_or_three() {
        let said: Vec<String> =
            [0, 999, 1000, 9_949, 30_400_000, 999_600_000, 5_000_000_000].map(size).into();
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "9.9 kB", "30 MB", "1.0 GB", "5.0 GB"]);
        assert_eq!((files(1), files(0)), ("1 file".to_owned(), "0 files".to_owned()));
    }
}
