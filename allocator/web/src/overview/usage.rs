//! The pool over the last hours, drawn: GPUs by health as areas on top of each other, claimed VMs
//! and VMs in use as lines. The table behind the chart says the same.

use std::fmt::Write;

use jiff::Timestamp;

pub struct UsageChart {
    /// At even distances, the oldest first.
    pub samples: Vec<UsageSample>,
}

#[derive(Clone, Copy, Default)]
pub struct UsageSample {
    pub at: Timestamp,
    pub claimed: i64,
    pub in_use: i64,
    pub healthy: i64,
    pub degraded: i64,
    pub unhealthy: i64,
}

/// In the units of the drawing.
const LEFT: f64 = 34.0;
const WIDTH: f64 = 870.0;
const TOP: f64 = 10.0;
const HEIGHT: f64 = 150.0;

/// A number of VMs at a moment.
type Count = fn(&UsageSample) -> i64;

impl UsageChart {
    /// Nothing was claimed and no GPU was reported: there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.most() == 0
    }

    fn most(&self) -> i64 {
        let tops = self.samples.iter().map(|at| at.claimed.max(at.in_use).max(Self::gpus(at)));
        tops.max().unwrap_or(0)
    }

    fn gpus(at: &UsageSample) -> i64 {
        at.healthy + at.degraded + at.unhealthy
    }

    /// The class of each area, with its outline.
    pub fn areas(&self) -> [(&'static str, String); 3] {
        let ill: Count = |at| at.unhealthy;
        let worse: Count = |at| at.unhealthy + at.degraded;
        [
            ("healthy", self.area(worse, Self::gpus)),
            ("degraded", self.area(ill, worse)),
            ("unhealthy", self.area(|_| 0, ill)),
        ]
    }

    pub fn claimed(&self) -> String {
        self.steps(self.samples.iter().enumerate(), |at| at.claimed)
    }

    pub fn in_use(&self) -> String {
        self.steps(self.samples.iter().enumerate(), |at| at.in_use)
    }

    fn area(&self, lower: Count, upper: Count) -> String {
        let there = self.steps(self.samples.iter().enumerate(), upper);
        let back = self.steps(self.samples.iter().enumerate().rev(), lower);
        format!("{there}L{}Z", back.trim_start_matches('M'))
    }

    fn steps<'a>(
        &self,
        samples: impl Iterator<Item = (usize, &'a UsageSample)>,
        count: Count,
    ) -> String {
        let mut path = String::new();
        for (nth, sample) in samples {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (self.x(nth), self.y(count(sample)));
            let _infallible = write!(path, "{command}{x:.1} {y:.1}");
        }
        path
    }

    fn x(&self, nth: usize) -> f64 {
        let last = self.samples.len().saturating_sub(1).max(1);
        LEFT + WIDTH * float(nth) / float(last)
    }

    fn y(&self, vms: i64) -> f64 {
        let part = float(usize::try_from(vms).unwrap_or(0))
            / float(usize::try_from(self.most()).unwrap_or(0).max(1));
        TOP + HEIGHT * (1.0 - part)
    }

    /// Lines across, with the number of VMs that each stands for.
    pub fn lines(&self) -> Vec<(String, i64)> {
        let most = self.most();
        let mut counts = vec![0, most / 2, most];
        counts.dedup();
        counts.into_iter().map(|vms| (format!("{:.1}", self.y(vms)), vms)).collect()
    }

    /// Times under the drawing.
    pub fn marks(&self) -> Vec<(String, Timestamp)> {
        let every = (self.samples.len() / 4).max(1);
        let marked = self.samples.iter().enumerate().step_by(every);
        marked.map(|(nth, sample)| (format!("{:.1}", self.x(nth)), sample.at)).collect()
    }

    /// Few enough to be read: the newest first.
    pub fn table(&self) -> impl Iterator<Item = &UsageSample> {
        let every = (self.samples.len() / 12).max(1);
        self.samples.iter().rev().step_by(every)
    }
}

/// Exact up to 2^32, and nobody counts further here.
fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_lie_on_top_of_each_other_and_the_most_fills_the_height() {
        let one = UsageSample { healthy: 3, unhealthy: 1, claimed: 2, ..UsageSample::default() };
        let chart = UsageChart { samples: vec![UsageSample::default(), one] };
        assert_eq!(chart.claimed(), "M34.0 160.0L904.0 85.0");
        let [(_, healthy), (_, degraded), (_, unhealthy)] = chart.areas();
        assert_eq!(healthy, "M34.0 160.0L904.0 10.0L904.0 122.5L34.0 160.0Z");
        assert_eq!(degraded, "M34.0 160.0L904.0 122.5L904.0 122.5L34.0 160.0Z");
        assert_eq!(unhealthy, "M34.0 160.0L904.0 122.5L904.0 160.0L34.0 160.0Z");
        assert_eq!(chart.lines().len(), 3);
        assert!(UsageChart { samples: vec![UsageSample::default(); 3] }.is_empty());
    }
}
