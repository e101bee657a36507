//! How little the agent takes. `make agent-footprint` runs it on the release build for ten minutes.

use std::{env, fs, time::Duration};

use crate::{
    allocator::Allocator,
    vm::{STAYS, Vm},
};

const MOST_KIB: u64 = 10 * 1024;
/// 0.1 %.
const MOST_CPU: f64 = 0.001;

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Processor time so far, in seconds: user and system, in ticks of 10 ms.
fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |nr: usize| fields[nr].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::test]
#[ignore = "takes ten minutes, and the release build"]
async fn an_idle_agent_takes_ten_megabytes_and_a_thousandth_of_a_processor() {
    let seconds: u64 = env::var("LABLINK_MEASURED_SECONDS").map_or(600, |it| it.parse().unwrap());
    let allocator = Allocator::start().await;
    allocator.ask_for_a_heartbeat_every(20);
    let vm = Vm::with_remote_desktop(STAYS);
    let mut command = vm.agent_of(env::var("LABLINK_MEASURED_AGENT").unwrap(), &allocator.url);
    // Everything on, as on a machine with nobody in it.
    command.env("SUBJECT_SOFTWARE", "sleap").env("LABLINK_SHIP_LOGS", "always");
    let agent = command.env("RUST_LOG", "info").spawn().unwrap();
    let pid = agent.id().unwrap();
    // What the start takes is no steady use.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let before = processor_seconds(pid);
    let mut most_kib = 0;
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        most_kib = most_kib.max(resident_kib(pid));
    }
    let cpu = (processor_seconds(pid) - before) / seconds as f64;
    eprintln!("over {seconds} s: at most {most_kib} KiB resident, {:.4} % CPU", cpu * 100.0);
    assert!(most_kib <= MOST_KIB && cpu <= MOST_CPU);
}
