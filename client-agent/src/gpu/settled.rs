use lablink_protocol::GpuHealth;

use super::Verdict;

/// How many looks in a row must see an improvement.
const LOOKS: u32 = 3;

/// Which verdicts are worth a report: worse ones at once, better ones when they last. A GPU at the
/// edge of its temperature would else be sick and well in turn, three times a minute.
#[derive(Default)]
pub struct Settled {
    reported: Option<Verdict>,
    better_for: u32,
}

impl Settled {
    /// Whether `verdict` is to be reported after this look.
    pub fn is_due(&mut self, verdict: &Verdict) -> bool {
        let Some(reported) = &self.reported else { return true };
        if badness(verdict.health) < badness(reported.health) {
            self.better_for += 1;
            return self.better_for >= LOOKS;
        }
        self.better_for = 0;
        reported != verdict
    }

    pub fn report(&mut self, verdict: Verdict) {
        *self = Self { reported: Some(verdict), better_for: 0 };
    }
}

fn badness(health: GpuHealth) -> u8 {
    match health {
        GpuHealth::None | GpuHealth::Healthy => 0,
        GpuHealth::Degraded => 1,
        GpuHealth::Unhealthy => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_is_told_at_once_and_better_when_it_lasts() {
        let healthy = Verdict { health: GpuHealth::Healthy, reasons: Vec::new() };
        let hot = Verdict { health: GpuHealth::Degraded, reasons: vec!["hot".to_owned()] };
        let mut settled = Settled::default();
        assert!(settled.is_due(&healthy), "the first one is news");
        settled.report(healthy.clone());
        assert!(!settled.is_due(&healthy));
        assert!(settled.is_due(&hot));
        settled.report(hot.clone());
        let seen = [&healthy, &healthy, &hot, &healthy, &healthy, &healthy];
        let due: Vec<bool> = seen.into_iter().map(|verdict| settled.is_due(verdict)).collect();
        assert_eq!(due, [false, false, false, false, false, true]);
    }
}
