use std::{num::NonZero, time::Duration};

use crate::config::{section::Section, syntax::count};

/// `logs`: how much of the VMs' logs is kept.
#[derive(Clone, Copy, Debug)]
pub struct Logs {
    /// Days after which lines go; default 30. None (0 in the file): age does not matter.
    pub keep_days: Option<NonZero<u32>>,
    /// Megabytes of each VM's log beyond which its oldest lines go; default 100. None (0 in the
    /// file): size does not matter.
    pub keep_megabytes_per_vm: Option<NonZero<u32>>,
}

impl Logs {
    pub(in crate::config) fn read(logs: &mut Section<'_>) -> Self {
        Self {
            keep_days: NonZero::new(logs.value("keep_days", count).unwrap_or(30)),
            keep_megabytes_per_vm: NonZero::new(
                logs.value("keep_megabytes_per_vm", count).unwrap_or(100),
            ),
        }
    }

    pub fn age(&self) -> Option<Duration> {
        self.keep_days.map(|days| Duration::from_hours(24 * u64::from(days.get())))
    }

    pub fn bytes_per_vm(&self) -> Option<i64> {
        self.keep_megabytes_per_vm.map(|megabytes| i64::from(megabytes.get()) * 1_000_000)
    }
}
