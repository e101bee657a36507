use std::{fs, path::PathBuf};

use lablink_protocol::Vitals;
use nix::sys::statvfs::statvfs;

/// Takes the machine's pulse: from /proc, and from the file system that holds `home`.
pub struct Sampler {
    home: PathBuf,
    run: Option<String>,
    before: Option<CpuTimes>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct CpuTimes {
    total: u64,
    idle: u64,
}

impl Sampler {
    pub fn new(home: PathBuf) -> Self {
        let run = fs::read_to_string("/proc/sys/kernel/random/uuid").ok();
        Self { home, run: run.map(|text| text.trim().to_owned()), before: None }
    }

    /// How the machine is now; its processors since the sample before. What can't be read is left
    /// out.
    pub fn sample(&mut self) -> Vitals {
        let times = fs::read_to_string("/proc/stat").ok().and_then(|text| cpu_times(&text));
        let cpu_percent = self.before.zip(times).and_then(|(before, now)| busy(before, now));
        self.before = times;
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text));
        let disk = statvfs(&self.home).ok().map(|disk| {
            let size = |blocks| disk.fragment_size().saturating_mul(blocks);
            let total = size(disk.blocks());
            (total.saturating_sub(size(disk.blocks_available())), total)
        });
        Vitals {
            agent_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            run: self.run.clone(),
            cpu_percent,
            memory_percent: memory.and_then(|(used, total)| percent(used, total)),
            memory_total_bytes: memory.map(|(_, total)| total),
            disk_percent: disk.and_then(|(used, total)| percent(used, total)),
            disk_total_bytes: disk.map(|(_, total)| total),
            gpu_driver: None,
            gpus: None,
            cleaning: None,
            token: None,
            locks_out: Some(true),
            desktop: None,
            notice: None,
        }
    }
}

/// `part` of `whole` in whole percents; of nothing there is none.
pub fn percent(part: u64, whole: u64) -> Option<u8> {
    let percent =
        u128::from(part) * 100 / Some(whole).filter(|whole| *whole > 0).map(u128::from)?;
    u8::try_from(percent.min(100)).ok()
}

/// The first line of /proc/stat, in ticks: user nice system idle iowait irq softirq steal; what
/// follows is counted in those already.
fn cpu_times(stat: &str) -> Option<CpuTimes> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> =
        line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let idle = ticks.get(3)? + ticks.get(4).unwrap_or(&0);
    Some(CpuTimes { total: ticks.iter().sum(), idle })
}

fn busy(before: CpuTimes, now: CpuTimes) -> Option<u8> {
    let total = now.total.checked_sub(before.total)?;
    let idle = now.idle.saturating_sub(before.idle);
    percent(total.saturating_sub(idle), total)
}

/// Used and total bytes of /proc/meminfo, which counts in KiB.
fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let bytes = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.strip_prefix(':')?.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    };
    let total = bytes("MemTotal")?;
    Some((total.saturating_sub(bytes("MemAvailable")?), total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_busy_for_what_they_are_not_idle() {
        let before = cpu_times("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4").unwrap();
        assert_eq!(before, CpuTimes { total: 1000, idle: 800 });
        let now = CpuTimes { total: 1200, idle: 950 };
        assert_eq!(busy(before, now), Some(25));
        assert_eq!(busy(before, before), None);
        assert_eq!(cpu_times("intr 1 2"), None);
    }

    #[test]
    fn memory_that_can_be_freed_is_not_used() {
        let meminfo = "MemTotal:    4096 kB\nMemFree:  1 kB\nMemAvailable:   3072 kB\n";
        assert_eq!(memory(meminfo), Some((1024 * 1024, 4096 * 1024)));
        assert_eq!(memory("MemTotal: many\n"), None);
    }

    #[test]
    fn a_live_machine_has_memory_and_a_disk() {
        let vitals = Sampler::new("/".into()).sample();
        assert!(vitals.memory_percent.is_some_and(|percent| percent <= 100));
        assert!(vitals.disk_total_bytes.is_some_and(|bytes| bytes > 0));
        assert_eq!(vitals.cpu_percent, None, "it takes two looks");
    }

    #[test]
    fn each_start_of_the_agent_has_a_name_of_its_own() {
        let (mut one, mut two) = (Sampler::new("/".into()), Sampler::new("/".into()));
        let run = one.sample().run.unwrap();
        assert_eq!(one.sample().run.as_ref(), Some(&run));
        assert_ne!(two.sample().run, Some(run));
    }
}
