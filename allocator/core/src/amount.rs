//! Amounts as people read them, the same in logs and on pages.

/// As in `512 B`, `30 MB`, `1.5 GB`: powers of ten, at most one digit behind the point.
pub fn size(bytes: u64) -> String {
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

/// As in `1 file`, `2 files`. `what` is the singular.
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_digits_or_three() {
        let said = [0, 999, 1000, 9_949, 30_400_000, 999_600_000, 5_000_000_000].map(size);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "9.9 kB", "30 MB", "1.0 GB", "5.0 GB"]);
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|it| counted(it, "file")), ["0 files", "1 file", "2 files"]);
    }
}
