//! GPUs, with a fake of NVIDIA's library that is built here.

use std::{
    fs,
    path::PathBuf,
    process::{Command as Cc, Output},
    sync::OnceLock,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    allocator::Allocator,
    vm::{STAYS, Vm},
};

/// A driver with one GPU, whose state can be changed while it is watched.
struct Driver {
    folder: TempDir,
}

impl Driver {
    fn new(state: &str) -> Self {
        let driver = Self { folder: tempfile::tempdir().unwrap() };
        driver.set(state);
        driver
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn kernel_log(&self) -> PathBuf {
        self.folder.path().join("kmsg")
    }

    /// In one step: the library reads the file whenever it likes.
    fn set(&self, state: &str) {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, state.replace(' ', "\n")).unwrap();
        fs::rename(draft, self.state()).unwrap();
    }

    fn environment(&self, command: &mut Command) {
        command
            .env("LABLINK_NVML", library())
            .env("LABLINK_KERNEL_LOG", self.kernel_log())
            .env("FAKE_NVML", self.state());
    }

    async fn check(&self) -> (bool, String) {
        let mut command = check_gpu();
        self.environment(&mut command);
        said(&mut command).await
    }
}

/// The fake library, compiled once.
fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake-nvml/nvml.c");
            let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                .join(format!("libfake-nvml-{}.so", std::process::id()));
            let built = Cc::new("cc")
                .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
                .arg(&library)
                .arg(source)
                .status();
            assert!(built.unwrap().success());
            library
        })
        .clone()
}

fn check_gpu() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lablink-client"));
    command.arg("check-gpu").env_clear().env("PATH", "/nowhere").kill_on_drop(true);
    command
}

async fn said(command: &mut Command) -> (bool, String) {
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
    let Output { status, stdout, stderr } = output.unwrap().unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.success(), said)
}

#[tokio::test]
async fn a_healthy_gpu_is_told_with_all_its_signals() {
    let (usable, said) = Driver::new("").check().await;
    assert!(usable, "{said}");
    for part in [
        "NVIDIA driver 570.86.15",
        "GPU 0: Tesla T4 at 0000:01:00",
        "41 °C of 93 °C",
        "4096 of 16384 MiB used",
        "utilisation   7 %",
        "31 W",
        "2 corrected, 0 not",
        "recovery      None",
        "\nhealthy\n",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[tokio::test]
async fn each_sickness_has_its_verdict_and_its_words() {
    let off_the_bus = "GPU 0: it has fallen off the bus: restart the machine";
    let cases = [
        ("temperature=94", "degraded", "it is hot, and slower: 93 °C or more"),
        ("temperature=97", "unhealthy", "it is too hot: 96 °C or more"),
        ("throttle=64", "degraded", "it is slowed down by heat"),
        ("ecc_uncorrected=1", "unhealthy", "its memory has errors that can't be corrected"),
        ("remap_pending=1", "degraded", "bad memory is replaced at the next restart"),
        ("remap_failed=1", "unhealthy", "its bad memory can't be replaced any more"),
        ("recovery=1", "unhealthy", "its driver asks for a reset of the GPU"),
        ("recovery=2", "unhealthy", "its driver asks for a restart of the machine"),
        ("recovery=3", "degraded", "no more work together with other GPUs"),
        ("lost=1", "unhealthy", off_the_bus),
        ("temperature_error=999", "degraded", "no temperature (an internal driver error occurred)"),
        ("ecc_error=3", "healthy", "memory errors not told by this GPU or driver"),
        ("init_error=15", "unhealthy", "the GPU can't be used"),
        ("init_error=9", "none", "this machine has no NVIDIA GPU"),
        ("init_error=18", "unhealthy", "the NVIDIA driver was updated while it ran"),
        ("temperature=94 ecc_uncorrected=1", "unhealthy", "it is hot, and slower"),
    ];
    for (state, health, words) in cases {
        let (usable, said) = Driver::new(state).check().await;
        assert_eq!(usable, health != "unhealthy", "{state}: {said}");
        assert!(
            said.contains(&format!("\n{health}\n")) || said.starts_with(health),
            "{state}: {said}"
        );
        assert!(said.contains(words), "{state}: {said}");
    }
}

#[tokio::test]
async fn errors_in_the_kernels_log_count_unless_a_program_caused_them() {
    let driver = Driver::new("");
    let line = |number| format!("3,1,2,-;NVRM: Xid (PCI:0000:01:00): {number}, pid=1, name=x\n");
    fs::write(driver.kernel_log(), line(31)).unwrap();
    let (usable, said) = driver.check().await;
    assert!(usable && said.contains("\nhealthy\n"), "{said}");
    fs::write(driver.kernel_log(), line(31) + &line(79)).unwrap();
    let (usable, said) = driver.check().await;
    assert!(
        !usable && said.contains("GPU 0 (Tesla T4): it has fallen off the bus (XID 79)"),
        "{said}"
    );
}

#[tokio::test]
async fn a_signal_that_hangs_leaves_the_others_their_answers() {
    let (usable, said) = Driver::new("hang=temperature").check().await;
    assert!(!usable, "{said}");
    assert!(said.contains("the driver does not answer (asked for its temperature)"), "{said}");
    assert!(said.contains("temperature   no answer") && said.contains("31 W"), "{said}");

    let (usable, said) = Driver::new("hang=init").check().await;
    assert!(!usable && said.contains("the NVIDIA driver does not answer"), "{said}");
}

#[tokio::test]
async fn without_nvidias_library_there_is_no_gpu_and_no_error() {
    let (usable, said) = said(check_gpu().env("LABLINK_NVML", "libno-such-library.so")).await;
    assert!(usable && said == "none: this machine has no NVIDIA GPU\n", "{said}");
}

#[tokio::test]
async fn nvidias_program_is_asked_where_the_library_can_not_be_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let ask = async |script: &str| {
        let program = folder.path().join("nvidia-smi");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        said(check_gpu().env("LABLINK_NVML", "libno-such-library.so").env("PATH", path)).await
    };
    let (usable, said) = ask("echo 'Tesla T4, 41, 3, 15360, 7, 0, 0'").await;
    assert!(usable && said.contains("GPU 0: Tesla T4"), "{said}");
    for script in ["echo 'Driver/library version mismatch'; exit 18", "exit 9"] {
        let (usable, said) = ask(script).await;
        assert!(!usable && said.contains("nvidia-smi can't reach the driver"), "{said}");
    }
    let reset = "echo 'Tesla T4, [GPU requires reset], 3, 15360, [GPU requires reset], 0, 0'";
    let (usable, said) = ask(&format!("echo 'Tesla T4, 41, 3, 15360, 7, 0, 0'; {reset}")).await;
    assert!(!usable && said.contains("GPU 1 (Tesla T4): it needs a reset"), "{said}");
    assert!(ask("echo 'No devices were found'; exit 0").await.1.starts_with("none"));
}

#[tokio::test]
async fn beside_nvidias_program_lost_gpus_and_the_kernels_log_count() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let folder = tempfile::tempdir().unwrap();
    let row = "echo 'Tesla T4, 41, 3, 15360, 7, 0, 0'\n";
    let list = |rows: usize| {
        let draft = folder.path().join("draft");
        fs::write(&draft, format!("#!/bin/sh\n{}", row.repeat(rows))).unwrap();
        fs::set_permissions(&draft, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(draft, folder.path().join("nvidia-smi")).unwrap();
    };
    list(2);
    let log = folder.path().join("kmsg");
    fs::write(&log, "").unwrap();
    let mut command = vm.agent(&allocator.url);
    command
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env("LABLINK_KERNEL_LOG", &log)
        .env("LABLINK_GPU_INTERVAL", "1");
    let _agent = command.spawn().unwrap();
    let told = async |what: &str| {
        let find = |told: &crate::allocator::Told| {
            let bodies = told.bodies("/api/gpu_health").into_iter();
            bodies.filter_map(|body| body["reason"].as_str()).any(|reason| reason.contains(what))
        };
        allocator.told(what, find).await;
    };
    allocator.told("the first verdict", |told| !told.bodies("/api/gpu_health").is_empty()).await;
    list(1);
    told("1 of its 2 GPUs are left, the others are lost").await;
    fs::write(&log, "4,7,1,-;NVRM: GPU 0000:b3:00.0: GPU has fallen off the bus.\n").unwrap();
    told("GPU 0000:b3:00: it has fallen off the bus (XID 79)").await;
}

#[tokio::test]
async fn the_verdict_is_reported_and_readings_ride_on_heartbeats() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let driver = Driver::new("recovery=3");
    let mut command = vm.agent(&allocator.url);
    driver.environment(&mut command);
    let _agent = command.spawn().unwrap();
    let path = "/api/gpu_health";
    let told = allocator.told("the verdict", |told| !told.bodies(path).is_empty()).await;
    let verdict = json!({
        "hostname": "lablink-vm-test-1", "gpu_status": "Healthy", "verdict": "degraded",
        "reason": "GPU 0 (Tesla T4): its driver asks for no more work together with other GPUs",
    });
    assert_eq!(told.bodies(path), [&verdict]);
    let has_gpu = |body: &&Value| body["gpus"][0]["name"] == "Tesla T4";
    let beats = |told: &crate::allocator::Told| {
        told.bodies("/api/agent/heartbeat").into_iter().filter(has_gpu).count()
    };
    let told = allocator.told("readings", |told| beats(told) > 0).await;
    let beat = told.bodies("/api/agent/heartbeat").into_iter().find(has_gpu).cloned();
    let gpu = json!({
        "name": "Tesla T4", "temperature_celsius": 41, "utilization_percent": 7,
        "memory_percent": 25, "memory_total_bytes": 16_u64 << 30, "power_watts": 31,
    });
    let beat = beat.unwrap();
    assert_eq!((&beat["gpus"], &beat["gpu_driver"]), (&json!([gpu]), &json!("570.86.15")));
}

#[tokio::test]
async fn an_error_that_the_driver_tells_by_itself_is_reported() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let driver = Driver::new("xid=48");
    let mut command = vm.agent(&allocator.url);
    driver.environment(&mut command);
    // Looks come quickly here, since the event may come after the first one.
    let _agent = command.env("LABLINK_GPU_INTERVAL", "1").spawn().unwrap();
    let unhealthy = |body: &&Value| body["verdict"] == "unhealthy";
    let find = |told: &crate::allocator::Told| {
        told.bodies("/api/gpu_health").into_iter().find(unhealthy).cloned()
    };
    let told = allocator.told("the error", |told| find(told).is_some()).await;
    let reason = find(&told).unwrap()["reason"].as_str().unwrap().to_owned();
    assert!(reason.ends_with("a memory error that could not be corrected (XID 48)"), "{reason}");
}
