//! What a run ends with: one number for each thing that was measured, and tables.

use std::{
    fmt::{self, Display, Formatter},
    io::Write,
};

use anyhow::Result;

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    tables: Vec<Table>,
}

/// One number, and what it should be.
pub struct Row {
    pub what: String,
    pub value: Value,
    pub bar: Option<Bar>,
    /// What else there is to say.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value(pub f64, pub Unit);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// So many times something else.
    Times,
    PerSecond,
    Milliseconds,
    Megabytes,
    Kilobytes,
    Percent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

/// Cells, the first line of which is the heading.
pub struct Table {
    pub title: String,
    pub lines: Vec<Vec<String>>,
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        match unit {
            Unit::Times => write!(f, "{value:.2} ×"),
            Unit::PerSecond if value < 10.0 => write!(f, "{value:.1}/s"),
            Unit::PerSecond => write!(f, "{value:.0}/s"),
            Unit::Milliseconds => write!(f, "{value:.1} ms"),
            Unit::Megabytes => write!(f, "{value:.1} MB"),
            Unit::Kilobytes => write!(f, "{value:.1} KB"),
            Unit::Percent => write!(f, "{value:.1} %"),
        }
    }
}

impl Bar {
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self, unit: Unit) -> String {
        let (sign, limit) = match self {
            Self::AtLeast(least) => ('≥', least),
            Self::AtMost(most) => ('≤', most),
        };
        match unit {
            Unit::Times => format!("{sign} {limit} ×"),
            Unit::PerSecond => format!("{sign} {limit}/s"),
            Unit::Milliseconds => format!("{sign} {limit} ms"),
            Unit::Megabytes => format!("{sign} {limit} MB"),
            Unit::Kilobytes => format!("{sign} {limit} KB"),
            Unit::Percent => format!("{sign} {limit} %"),
        }
    }
}

impl Report {
    pub fn add(&mut self, what: &str, value: Value, bar: Option<Bar>, note: &str) {
        let row = Row { what: what.to_owned(), value, bar, note: note.to_owned() };
        eprintln!("  {}", row.cells().join(" | "));
        self.rows.push(row);
    }

    pub fn tabulate(&mut self, title: &str, lines: Vec<Vec<String>>) {
        let table = Table { title: title.to_owned(), lines };
        eprintln!("{}", table.markdown());
        self.tables.push(table);
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// As Markdown, on standard output.
    pub fn print(&self) -> Result<()> {
        let mut lines = vec![["what", "bar", "measured", "", "note"].map(str::to_owned).to_vec()];
        lines.extend(self.rows.iter().map(Row::cells));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", Table { title: "Bars".to_owned(), lines }.markdown())?;
        for table in &self.tables {
            writeln!(out, "{}", table.markdown())?;
        }
        Ok(())
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let Self { what, value, bar, note } = self;
        let verdict = match bar {
            None => "",
            Some(bar) if bar.is_met(value.0) => "met",
            Some(_) => "MISSED",
        };
        let bar = bar.map(|bar| bar.text(value.1)).unwrap_or_default();
        vec![what.clone(), bar, value.to_string(), verdict.to_owned(), note.clone()]
    }
}

impl Table {
    pub fn markdown(&self) -> String {
        let mut text = format!("\n**{}**\n\n", self.title);
        for (nr, line) in self.lines.iter().enumerate() {
            text += &format!("| {} |\n", line.join(" | "));
            if nr == 0 {
                text += &format!("|{}\n", " --- |".repeat(line.len()));
            }
        }
        text
    }
}
