use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on a terminal that tells how far something has come. Goes away at its end.
pub struct Progress(ProgressBar);

/// What takes less shows nothing.
const PATIENCE: Duration = Duration::from_millis(100);

impl Progress {
    pub(super) fn new(what: &str, shown: bool) -> Self {
        let bar = ProgressBar::with_draw_target(
            None,
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(PATIENCE);
        Self(bar)
    }

    /// For what is quick.
    #[cfg(feature = "aws")]
    pub fn none() -> Self {
        Self(ProgressBar::hidden())
    }

    /// What is being done now.
    pub fn says(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// So many of so many things.
    pub fn counts(&self, done: u64, total: u64) {
        if total > 0 && self.0.length() != Some(total) {
            self.0.set_style(style("{spinner} {msg} [{bar:30}] {pos}/{len} {elapsed}"));
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }

    /// So many of so many bytes.
    pub fn weighs(&self, done: u64, total: u64) {
        if self.0.length() != Some(total) {
            let bytes = "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            self.0.set_style(style(bytes));
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_wrong| ProgressStyle::default_bar())
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
