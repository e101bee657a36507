use super::{Growth, Series};
use crate::report::{Unit, Value};

impl Growth {
    /// A line for each thing, a column for each size.
    pub fn table(&self) -> Vec<Vec<String>> {
        let sizes = self.series.first().map_or(&[][..], |series| &series.points);
        let mut heading = vec![self.of.clone()];
        heading.extend(sizes.iter().map(|(size, _)| with_commas(*size)));
        heading.push("cost, last : first".to_owned());
        let mut lines = vec![heading];
        lines.extend(self.series.iter().map(Series::line));
        lines
    }
}

impl Series {
    fn line(&self) -> Vec<String> {
        let mut line = vec![self.what.clone()];
        line.extend(self.points.iter().map(|(_, value)| match self.unit {
            Unit::PerSecond => format!("{}", Value(*value, Unit::PerSecond)),
            unit => format!("{}", Value(*value, unit)),
        }));
        line.push(self.factor().map_or_else(String::new, |factor| format!("{factor:.2}")));
        line
    }
}

/// 10,000 for 10000.
pub fn with_commas(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nr, digit) in digits.chars().enumerate() {
        if nr > 0 && (digits.len() - nr).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
