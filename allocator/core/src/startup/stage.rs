use jiff::Timestamp;

/// One stage of a VM's start, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stage {
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// As the VM measured it, else from start to end.
    pub seconds: Option<f64>,
}

impl Stage {
    /// Adds the values of a later report. Start and end may come in separate reports.
    pub(super) fn updated(self, told: Self) -> Self {
        let mut stage = Self {
            started_at: told.started_at.or(self.started_at),
            ended_at: told.ended_at.or(self.ended_at),
            seconds: None,
        };
        let moved = (stage.started_at, stage.ended_at) != (self.started_at, self.ended_at);
        stage.seconds = match told.seconds {
            Some(measured) => Some(measured),
            None if moved => stage.elapsed().or(self.seconds),
            None => self.seconds,
        };
        stage
    }

    /// From start to end. None where the clock was set back between them.
    fn elapsed(&self) -> Option<f64> {
        let elapsed = self.ended_at?.duration_since(self.started_at?).as_secs_f64();
        (elapsed >= 0.0).then_some(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_duration_comes_from_start_and_end_even_of_two_reports() {
        let started = Stage::default().updated(Stage { started_at: at(100), ..Stage::default() });
        assert_eq!(started.seconds, None);
        let ended = started.updated(Stage { ended_at: at(160), ..Stage::default() });
        assert_eq!(ended.seconds, Some(60.0));
        assert_eq!(ended.updated(Stage::default()), ended, "a report of something else");
    }

    #[test]
    fn a_measured_duration_wins() {
        let told = Stage { started_at: at(100), ended_at: at(160), seconds: Some(58.5) };
        assert_eq!(Stage::default().updated(told).seconds, Some(58.5));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_duration() {
        let told = Stage { started_at: at(160), ended_at: at(100), seconds: None };
        assert_eq!(Stage::default().updated(told).seconds, None);
    }
}
