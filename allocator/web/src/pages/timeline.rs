//! How VMs came up, drawn as a chart that the table behind it repeats.

mod row;

use super::moment;

/// A chart of at most a few dozen VMs.
pub struct Timeline {
    pub rows: Vec<TimelineRow>,
}

pub struct TimelineRow {
    pub hostname: String,
    /// In the order of time; pauses between them are left out.
    pub stages: Vec<Stretch>,
    /// From the wish to the agent's first report, or none yet.
    pub ready_seconds: Option<f64>,
}

pub struct Stretch {
    pub name: &'static str,
    /// The class that colours it.
    pub class: &'static str,
    /// Counted from when the VM was asked for.
    pub from_seconds: f64,
    pub seconds: f64,
}

/// In the units of the drawing.
const LEFT: f64 = 190.0;
const WIDTH: f64 = 700.0;
const ROW: f64 = 26.0;
/// What the axis reaches at least to, in seconds: starts of less need no telling apart.
const SHORTEST: f64 = 10.0;

impl Timeline {
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(|row| row.stages.is_empty() && row.ready_seconds.is_none())
    }

    fn longest(&self) -> f64 {
        let ends = self.rows.iter().flat_map(|row| {
            let stages = row.stages.iter().map(|stage| stage.from_seconds + stage.seconds);
            stages.chain(row.ready_seconds)
        });
        ends.fold(SHORTEST, f64::max)
    }

    pub fn height(&self) -> f64 {
        ROW * f64::from(u16::try_from(self.rows.len()).unwrap_or(u16::MAX)) + 24.0
    }

    /// Where a row's bar begins, from above.
    pub fn y(&self, row: &usize) -> f64 {
        ROW * f64::from(u16::try_from(*row).unwrap_or(u16::MAX))
    }

    pub fn x(&self, seconds: &f64) -> String {
        format!("{:.1}", LEFT + self.scaled(*seconds))
    }

    pub fn width(&self, seconds: &f64) -> String {
        format!("{:.1}", self.scaled(*seconds).max(1.0))
    }

    fn scaled(&self, seconds: f64) -> f64 {
        (seconds / self.longest()).clamp(0.0, 1.0) * WIDTH
    }

    /// The axis: a mark at the start, in the middle, and at the end.
    pub fn marks(&self) -> [(String, String); 3] {
        [0.0, 0.5, 1.0].map(|part| {
            let seconds = self.longest() * part;
            (self.x(&seconds), whole(&seconds))
        })
    }
}

/// Such as `1 min 12 s`.
pub fn whole(seconds: &f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a start takes no 200 billion years")]
    let seconds = seconds.round() as i64;
    moment::stretch(&seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_start_fills_the_width_and_others_are_in_proportion() {
        let stage = |from_seconds, seconds| Stretch {
            name: "Terraform",
            class: "terraform",
            from_seconds,
            seconds,
        };
        let row = |stages, ready_seconds| TimelineRow {
            hostname: "vm".to_owned(),
            stages,
            ready_seconds,
        };
        let rows = vec![row(vec![stage(0.0, 40.0)], Some(80.0)), row(Vec::new(), None)];
        let timeline = Timeline { rows };
        assert_eq!(timeline.width(&40.0), "350.0");
        assert_eq!(timeline.x(&80.0), "890.0");
        assert_eq!(timeline.marks()[1], ("540.0".to_owned(), "40 s".to_owned()));
        assert!(!timeline.is_empty());
    }
}
