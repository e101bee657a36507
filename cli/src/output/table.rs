use comfy_table::{ContentArrangement, Table, presets::NOTHING};

/// Rows under a heading, as wide as the terminal.
pub fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heading);
    table.add_rows(rows);
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_stand_under_their_heading() {
        let shown = table(["VM", "STATE"], [["lablink-vm-dev-1".to_owned(), "free".to_owned()]]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 2, "{shown}");
        assert_eq!(lines[0].find("STATE"), lines[1].find("free"), "{shown}");
    }
}
