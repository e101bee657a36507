use std::{num::NonZero, time::Duration};

use lablink_core::logs::FromAws;

use crate::{
    section::Section,
    syntax::{count, one_of},
};

/// `logs`: how the VMs' logs come, and how much of them is kept.
#[derive(Clone, Copy, Debug)]
pub struct Logs {
    /// How the logs of VMs on AWS come: `cloudwatch` (default) or `direct`. All other machines send
    /// their logs directly.
    pub from_aws: FromAws,
    /// Days after which lines go; default 30. None (0 in the file): age does not matter.
    pub keep_days: Option<NonZero<u32>>,
    /// Megabytes of each VM's log beyond which its oldest lines go; default 100. None (0 in the
    /// file): size does not matter.
    pub keep_megabytes_per_vm: Option<NonZero<u32>>,
    /// Lines of each VM that are stored in a minute, five times as many at once; default 12,000.
    /// None (0 in the file): all.
    pub lines_per_minute: Option<NonZero<u32>>,
    /// The same in megabytes, with about 100 bytes beside each line's text; default 6.
    pub megabytes_per_minute: Option<NonZero<u32>>,
}

impl Logs {
    pub(crate) fn read(logs: &mut Section<'_>) -> Self {
        let ways = [("cloudwatch", FromAws::CloudWatch), ("direct", FromAws::Direct)];
        let from_aws = logs.value("from_aws", |text| one_of(&ways, text));
        Self {
            from_aws: from_aws.unwrap_or(FromAws::CloudWatch),
            keep_days: NonZero::new(logs.value("keep_days", count).unwrap_or(30)),
            keep_megabytes_per_vm: NonZero::new(
                logs.value("keep_megabytes_per_vm", count).unwrap_or(100),
            ),
            lines_per_minute: NonZero::new(logs.value("lines_per_minute", count).unwrap_or(12_000)),
            megabytes_per_minute: NonZero::new(
                logs.value("megabytes_per_minute", count).unwrap_or(6),
            ),
        }
    }

    pub fn age(&self) -> Option<Duration> {
        self.keep_days.map(|days| Duration::from_hours(24 * u64::from(days.get())))
    }

    pub fn bytes_per_minute(&self) -> Option<NonZero<u64>> {
        self.megabytes_per_minute.and_then(|it| NonZero::new(u64::from(it.get()) * 1_000_000))
    }

    pub fn bytes_per_vm(&self) -> Option<i64> {
        self.keep_megabytes_per_vm.map(|megabytes| i64::from(megabytes.get()) * 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn logs_of_aws_come_by_cloudwatch_unless_the_file_says_otherwise() {
        let way = |yaml| Config::parse(yaml).unwrap().logs.from_aws;
        assert_eq!(way(""), FromAws::CloudWatch);
        assert_eq!(way("logs: {from_aws: direct}"), FromAws::Direct);
        assert!(Config::parse("logs: {from_aws: post}").is_err());
    }

    #[test]
    fn logs_are_kept_for_a_month_unless_the_file_says_otherwise() {
        let kept = |yaml| {
            let logs = Config::parse(yaml).unwrap().logs;
            (logs.age(), logs.bytes_per_vm())
        };
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 3600));
        assert_eq!(kept(""), (days(30), Some(100_000_000)));
        assert_eq!(
            kept("logs: {keep_days: 7, keep_megabytes_per_vm: 2}"),
            (days(7), Some(2_000_000))
        );
        assert_eq!(kept("logs: {keep_days: 0, keep_megabytes_per_vm: 0}"), (None, None));
    }
    #[test]
    fn a_vm_may_send_so_much_unless_the_file_says_otherwise() {
        let taken = |yaml| {
            let logs = Config::parse(yaml).unwrap().logs;
            (logs.lines_per_minute, logs.bytes_per_minute())
        };
        assert_eq!(taken(""), (NonZero::new(12_000), NonZero::new(6_000_000)));
        assert_eq!(taken("logs: {lines_per_minute: 0, megabytes_per_minute: 0}"), (None, None));
    }
}
