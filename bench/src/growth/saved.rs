//! What was measured, as a file: so that a chart can show it beside another day's.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};

use super::{Growth, Series};
use crate::report::Unit;

impl Growth {
    /// Lines of `thing<TAB>unit<TAB>size<TAB>value`, under one that says what there is more of.
    pub fn save(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, self.text())?)
    }

    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| format!("{} was not saved by us", path.display()))
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.of);
        for Series { what, unit, points } in &self.series {
            let unit = if *unit == Unit::PerSecond { "/s" } else { "ms" };
            for (size, value) in points {
                let _infallible = writeln!(text, "{what}\t{unit}\t{size}\t{value:.4}");
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut growth = Self { of: lines.next()?.to_owned(), series: Vec::new() };
        for line in lines {
            let [what, unit, size, value] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
            let point = (size.parse().ok()?, value.parse().ok()?);
            match growth.series.iter_mut().find(|series| series.what == what) {
                Some(series) => series.points.push(point),
                None => {
                    let unit = if unit == "/s" { Unit::PerSecond } else { Unit::Milliseconds };
                    let points = vec![point];
                    growth.series.push(Series { what: what.to_owned(), unit, points });
                }
            }
        }
        Some(growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again() {
        let mut claim = Series::new("claim", Unit::PerSecond);
        claim.points = vec![(100, 1234.5), (1000, 7.25)];
        let mut told = Series::new("request → agent", Unit::Milliseconds);
        told.points = vec![(100, 0.5)];
        let growth = Growth { of: "VMs".to_owned(), series: vec![claim, told] };
        assert_eq!(Growth::parse(&growth.text()), Some(growth));
    }
}
