use std::{num::NonZero, time::Duration};

use lablink_core::collections::Retention;

use crate::{
    section::Section,
    syntax::{self, positive_count},
};

/// `collect`: how participants' results are fetched, and how long their archives are kept.
#[derive(Clone, Copy, Debug)]
pub struct Collect {
    /// VMs that are read at the same time; default 8, at most [`Collect::MOST_AT_ONCE`].
    pub at_once: NonZero<u32>,
    /// Seconds without a byte from a VM after which it is given up; default 60.
    pub stall_seconds: NonZero<u32>,
    /// Minutes that one VM may take in all; default 60.
    pub minutes_per_vm: NonZero<u32>,
    /// Gigabytes that one VM's files may take; default 100.
    pub gigabytes_per_vm: NonZero<u32>,
    /// Kilobytes that a VM has to send in each second of waiting, as a mean over `stall_seconds`;
    /// default 10. 0: as slowly as it likes.
    pub slowest_kilobytes: u32,
    /// Gigabytes that stay free on the disk of the archives; default 1. 0: none.
    pub free_gigabytes: u32,
    /// Days after which an archive goes; default 7.
    pub keep_days: NonZero<u32>,
    /// Gigabytes of all archives beyond which the oldest go; default 20. The newest always stays.
    pub keep_gigabytes: NonZero<u32>,
    /// Archives beyond which the oldest go; default 20.
    pub keep_count: NonZero<u32>,
}

impl Collect {
    /// Each is an SSH connection, two processes and its share of memory.
    pub const MOST_AT_ONCE: u32 = 64;

    pub(crate) fn read(collect: &mut Section<'_>) -> Self {
        let mut count = |key: &str, default: NonZero<u32>| {
            collect.value(key, positive_count).unwrap_or(default)
        };
        Self {
            gigabytes_per_vm: count(
                "gigabytes_per_vm",
                const { NonZero::new(100).expect("not 0") },
            ),
            at_once: count("at_once", const { NonZero::new(8).expect("not 0") }),
            stall_seconds: count("stall_seconds", const { NonZero::new(60).expect("not 0") }),
            minutes_per_vm: count("minutes_per_vm", const { NonZero::new(60).expect("not 0") }),
            keep_days: count("keep_days", const { NonZero::new(7).expect("not 0") }),
            keep_gigabytes: count("keep_gigabytes", const { NonZero::new(20).expect("not 0") }),
            keep_count: count("keep_count", const { NonZero::new(20).expect("not 0") }),
            slowest_kilobytes: collect.value("slowest_kilobytes", syntax::count).unwrap_or(10),
            free_gigabytes: collect.value("free_gigabytes", syntax::count).unwrap_or(1),
        }
    }

    /// In bytes.
    pub fn most_per_vm(&self) -> u64 {
        u64::from(self.gigabytes_per_vm.get()) * 1_000_000_000
    }

    /// In bytes a second.
    pub fn slowest(&self) -> u64 {
        u64::from(self.slowest_kilobytes) * 1_000
    }

    /// In bytes.
    pub fn reserve(&self) -> u64 {
        u64::from(self.free_gigabytes) * 1_000_000_000
    }

    pub fn stall(&self) -> Duration {
        Duration::from_secs(u64::from(self.stall_seconds.get()))
    }

    pub fn longest_per_vm(&self) -> Duration {
        Duration::from_mins(u64::from(self.minutes_per_vm.get()))
    }

    pub fn retention(&self) -> Retention {
        Retention {
            age: Duration::from_hours(24 * u64::from(self.keep_days.get())),
            bytes: i64::from(self.keep_gigabytes.get()) * 1_000_000_000,
            archives: i64::from(self.keep_count.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn archives_are_kept_for_a_week_unless_the_file_says_otherwise() {
        let read = |yaml| Config::parse(yaml).unwrap().collect;
        let (usual, own) = (read(""), read("collect: {keep_days: 1, keep_gigabytes: 2}"));
        assert_eq!((usual.at_once.get(), usual.stall().as_secs()), (8, 60));
        assert_eq!(usual.longest_per_vm(), Duration::from_hours(1));
        let kept = usual.retention();
        assert_eq!(
            (kept.age, kept.bytes, kept.archives),
            (Duration::from_hours(7 * 24), 20_000_000_000, 20)
        );
        assert_eq!(own.retention().age, Duration::from_hours(24));
        assert_eq!(own.retention().bytes, 2_000_000_000);
    }

    #[test]
    fn what_one_vm_may_cost_has_a_bound_in_bytes_time_and_speed() {
        let costs = |yaml| {
            let collect = Config::parse(yaml).unwrap().collect;
            (collect.most_per_vm(), collect.slowest(), collect.reserve())
        };
        assert_eq!(costs(""), (100_000_000_000, 10_000, 1_000_000_000));
        let own = "collect: {gigabytes_per_vm: 3, slowest_kilobytes: 0, free_gigabytes: 20}";
        assert_eq!(costs(own), (3_000_000_000, 0, 20_000_000_000));
        let none = Config::parse("collect: {gigabytes_per_vm: 0}").unwrap_err();
        assert!(none.0[0].message.contains("1 or more"));
    }

    #[test]
    fn limits_that_contradict_each_other_are_told() {
        let problem = |yaml| Config::parse(yaml).unwrap_err().0.remove(0).message;
        assert!(problem("collect: {at_once: 65}").contains("collect.at_once is at most 64"));
        let stall = problem("collect: {stall_seconds: 61, minutes_per_vm: 1}");
        assert!(stall.contains("collect.stall_seconds must not be longer"), "{stall}");
        assert!(problem("collect: {keep_count: 0}").contains("1 or more, found '0'"));
        assert!(problem("collect: {keep_day: 1}").contains("keep_days"));
    }
}
