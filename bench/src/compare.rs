//! Two allocators, measured in turns: what differs, and whether by more than each differs from
//! itself.

use std::collections::BTreeMap;

use crate::{
    report::{Bar, Report, Row, Unit, Value},
    stats::median,
};

/// The values of one thing, of the one and of the other.
struct Both {
    place: usize,
    unit: Unit,
    bar: Option<Bar>,
    values: [Vec<f64>; 2],
}

#[derive(Default)]
pub struct Comparison {
    rows: BTreeMap<String, Both>,
}

impl Comparison {
    /// Notes a turn of the one (0) or the other (1).
    pub fn note(&mut self, whose: usize, report: &Report) {
        for Row { what, value, bar, .. } in report.rows() {
            let place = self.rows.len();
            let fresh = || Both { place, unit: value.1, bar: *bar, values: Default::default() };
            self.rows.entry(what.clone()).or_insert_with(fresh).values[whose].push(value.0);
        }
    }

    pub fn table(&self, names: [&str; 2]) -> Vec<Vec<String>> {
        let mut lines = vec![heading(names)];
        let mut rows: Vec<(&String, &Both)> = self.rows.iter().collect();
        rows.sort_by_key(|(_, both)| both.place);
        lines.extend(rows.iter().filter_map(|(what, both)| both.line(what)));
        lines
    }
}

fn heading([one, other]: [&str; 2]) -> Vec<String> {
    vec![
        "median (least – most)".to_owned(),
        one.to_owned(),
        other.to_owned(),
        "change".to_owned(),
        "more than the spread?".to_owned(),
    ]
}

/// The least and the most.
fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(*it), most.max(*it)))
}

impl Both {
    fn line(&self, what: &str) -> Option<Vec<String>> {
        let [one, other] = &self.values;
        if one.is_empty() || other.is_empty() {
            return None;
        }
        let cell = |values: &[f64]| {
            let (least, most) = spread(values);
            let value = |value| Value(value, self.unit);
            format!("{} ({} – {})", value(median(values)), value(least), value(most))
        };
        let change = (median(other) / median(one) - 1.0) * 100.0;
        let ((least, most), (other_least, other_most)) = (spread(one), spread(other));
        let verdict = match (other_least > most, other_most < least) {
            (false, false) => "no",
            (more, _) if more == self.more_is_better() => "yes, better",
            _ => "yes, worse",
        };
        Some(vec![
            what.to_owned(),
            cell(one),
            cell(other),
            format!("{change:+.0} %"),
            verdict.to_owned(),
        ])
    }

    fn more_is_better(&self) -> bool {
        match self.bar {
            Some(Bar::AtLeast(_)) => true,
            Some(Bar::AtMost(_)) => false,
            None => self.unit == Unit::PerSecond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bar: Bar, one: [f64; 3], other: [f64; 3]) -> String {
        let values = [one.to_vec(), other.to_vec()];
        let both = Both { place: 0, unit: Unit::Milliseconds, bar: Some(bar), values };
        both.line("x").unwrap().pop().unwrap()
    }

    #[test]
    fn only_what_lies_outside_of_the_spread_differs() {
        let most = Bar::AtMost(9.0);
        assert_eq!(verdict(most, [1.0, 2.0, 3.0], [2.5, 4.0, 5.0]), "no");
        assert_eq!(verdict(most, [1.0, 2.0, 3.0], [3.5, 4.0, 5.0]), "yes, worse");
        assert_eq!(verdict(Bar::AtLeast(0.3), [1.0, 2.0, 3.0], [3.5, 4.0, 5.0]), "yes, better");
        assert_eq!(verdict(most, [4.0, 5.0, 6.0], [1.0, 2.0, 3.0]), "yes, better");
    }
}
