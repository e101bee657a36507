//! The long show: `make test-collect`. Compares with rsync in the same run.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lablink_core::{collections::Collector, operations::OperationState};

use crate::{
    lab::{SshLab, wish},
    sshd::Vm,
    unpack,
};

const VMS: usize = 20;
const FILES: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-collect"]
async fn twenty_vms_with_two_thousand_files_against_rsync() {
    let lab = SshLab::new().await;
    let mut vms = Vec::new();
    let mut bytes = 0;
    for number in 0..VMS {
        let vm = lab.vm(&format!("desk-{number}")).await;
        for file in 0..FILES {
            // 1 to 40 kB, never compressible.
            let contents = noise(1_000 + (file * 7919 + number) % 39_000);
            bytes += contents.len();
            vm.write(&format!("session {}/video {file}.slp", file % 40), contents);
        }
        vms.push(vm);
    }
    say(&format!("{VMS} VMs, {FILES} files each, {} MB", bytes / 1_000_000));
    for round in 1..=3 {
        let one_by_one = rsync(&lab, &vms, 1);
        let at_once = rsync(&lab, &vms, 8);
        let before = Instant::now();
        let watch = Watch::start();
        let path = download(&lab).await;
        let ours = before.elapsed().as_secs_f64();
        let grown = watch.grown();
        say(&format!(
            "round {round}: one archive {ours:.2} s (+{} MB), rsync one by one {one_by_one:.2} s \
             (x{:.2}), eight rsyncs at once {at_once:.2} s (x{:.2})",
            grown / 1_000_000,
            ours / one_by_one,
            ours / at_once
        ));
        assert!(ours <= 1.3 * one_by_one, "slower than rsync");
        assert!(grown <= 64_000_000, "grew by {grown} bytes");
        if round == 1 {
            let tree = lab.unpacked(&path);
            assert_eq!(tree.len(), VMS * FILES + 1);
            for (number, vm) in vms.iter().enumerate() {
                for (name, contents) in unpack::read(&vm.desktop()) {
                    let name = [format!("desk-{number}/").as_bytes(), &name].concat();
                    assert!(tree[&name] == contents, "{:?}", String::from_utf8_lossy(&name));
                }
            }
        }
    }
}

/// Of the file, in bytes: 20 GB where there is room for it twice, unless the environment says so.
const SIZE: &str = "LABLINK_COLLECT_BYTES";
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and twice the file's size of disk: make test-collect"]
async fn one_large_file_against_rsync_with_flat_memory() {
    let mut lab = SshLab::new().await;
    lab.site.limits.bytes_per_vm = u64::MAX;
    let size = size(&lab.root);
    let (vm, small) = (lab.vm("desk-1").await, lab.vm("desk-2").await);
    small.write("a.slp", noise(100_000));
    let huge = vm.desktop().join("huge.slp");
    half_compressible(&huge, size);
    let (mut kept, mut streamed) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        settle();
        let with_rsync = rsync(&lab, std::slice::from_ref(&vm), 1);
        settle();
        let (archive, one) = measured(collected(&lab)).await;
        check_and_remove(round, &archive, &huge);
        settle();
        let (archive, other) = measured(download(&lab)).await;
        check_and_remove(round, &archive, &huge);
        for (how, cost, ratios) in [("kept", one, &mut kept), ("streamed", other, &mut streamed)] {
            let ratio = cost.seconds / with_rsync;
            say(&format!(
                "round {round}: {:.1} GB {how} in {:.1} s, +{:.1} MB at most; rsync {with_rsync:.1} s (x{ratio:.2})",
                size as f64 / 1e9,
                cost.seconds,
                cost.grown as f64 / 1e6,
            ));
            assert!(cost.grown <= 64_000_000, "grew by {} bytes", cost.grown);
            ratios.push(ratio);
        }
    }
    for ratios in [&mut kept, &mut streamed] {
        ratios.sort_by(f64::total_cmp);
        assert!(ratios[ROUNDS / 2] <= 1.1, "slower than rsync: {ratios:?}");
    }
}

fn size(on: &Path) -> u64 {
    const USUAL: u64 = 20_000_000_000;
    const BESIDE: u64 = 5_000_000_000;
    let disk = nix::sys::statvfs::statvfs(on).unwrap();
    let free = disk.blocks_available() * disk.fragment_size();
    let wanted = std::env::var(SIZE).ok().map(|it| it.parse().expect("a number of bytes"));
    let size = wanted.unwrap_or(USUAL);
    assert!(
        free >= 2 * size + BESIDE,
        "{free} bytes are free, which is too little: set {SIZE} to less than {size}"
    );
    size
}

/// Blocks that nothing can compress, and as many that anything can.
fn half_compressible(path: &Path, size: u64) {
    let mut file = File::create(path).unwrap();
    let mut block = noise(4_000_000);
    block.extend("frame,x,y,score\n".bytes().cycle().take(4_000_000));
    let mut left = size;
    while left > 0 {
        block[..8].copy_from_slice(&left.to_le_bytes());
        let piece = left.min(block.len() as u64);
        file.write_all(&block[..piece as usize]).unwrap();
        left -= piece;
    }
}

/// Lets the disk come to rest, so that nobody pays for what was written before.
fn settle() {
    assert!(Command::new("sync").status().unwrap().success());
}

struct Cost {
    seconds: f64,
    /// Bytes by which this process grew meanwhile.
    grown: u64,
}

async fn measured<T>(work: impl Future<Output = T>) -> (T, Cost) {
    let (before, watch) = (Instant::now(), Watch::start());
    let it = work.await;
    (it, Cost { seconds: before.elapsed().as_secs_f64(), grown: watch.grown() })
}

/// As an organiser does it: an operation, with its progress and an archive that is kept.
async fn collected(lab: &SshLab) -> std::path::PathBuf {
    let working = lab.work();
    let operation = lab.ended(lab.ask().await).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{:?}", operation.reason);
    working.shutdown.cancel();
    working.task.await.unwrap();
    lab.path(&format!("collections/{}.zip", operation.id))
}

/// Compares the large file with what another program finds in the archive, in the first round.
fn check_and_remove(round: usize, archive: &Path, huge: &Path) {
    if round == 1 {
        assert_same(archive, huge);
    }
    fs::remove_file(archive).unwrap();
}

fn assert_same(archive: &Path, huge: &Path) {
    let mut unzip = Command::new("unzip")
        .arg("-p")
        .arg(archive)
        .arg("desk-1/huge.slp")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = unzip.stdout.take().unwrap();
    let same = Command::new("cmp").arg("-").arg(huge).stdin(out).status().unwrap();
    assert!(same.success() && unzip.wait().unwrap().success());
}

/// Takes the archive as the HTTP server would, and leaves it on the disk.
async fn download(lab: &SshLab) -> std::path::PathBuf {
    let path = lab.path("show.zip");
    let mut archive = lab.collector().collect(&wish(None)).await.unwrap();
    let mut file = tokio::fs::File::create(&path).await.unwrap();
    while let Some(chunk) = archive.chunks.recv().await {
        tokio::io::AsyncWriteExt::write_all(&mut file, &chunk.unwrap()).await.unwrap();
    }
    tokio::io::AsyncWriteExt::flush(&mut file).await.unwrap();
    path
}

/// Seconds that plain rsync takes for the same files, so many VMs at a time.
fn rsync(lab: &SshLab, vms: &[Vm], at_once: usize) -> f64 {
    let to = tempfile::tempdir_in(&lab.root).unwrap();
    let before = Instant::now();
    for (part, some) in vms.chunks(at_once).enumerate() {
        let running: Vec<_> = some
            .iter()
            .enumerate()
            .map(|(number, vm)| {
                let shell = format!(
                    "ssh -F none -i {} -o BatchMode=yes -o StrictHostKeyChecking=no \
                     -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p {}",
                    lab.key_file().display(),
                    vm.port
                );
                Command::new("rsync")
                    .args(["-a", "-e", &shell, "--include=*/", "--include=*.slp", "--exclude=*"])
                    .arg(format!("127.0.0.1:{}/", vm.desktop().display()))
                    .arg(to.path().join(format!("{part}-{number}/")))
                    .stdin(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for mut child in running {
            assert!(child.wait().unwrap().success());
        }
    }
    before.elapsed().as_secs_f64()
}

/// Watches how large this process becomes.
struct Watch {
    before: u64,
    over: Arc<AtomicBool>,
    watching: std::thread::JoinHandle<u64>,
}

impl Watch {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let watching = std::thread::spawn(move || {
            let mut most = resident();
            while !stop.load(Ordering::Relaxed) {
                most = most.max(resident());
                std::thread::sleep(Duration::from_millis(20));
            }
            most
        });
        Self { before: resident(), over, watching }
    }

    fn grown(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.watching.join().unwrap().saturating_sub(self.before)
    }
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Bytes that nothing can compress.
fn noise(length: usize) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = vec![0; length];
    File::open(Path::new("/dev/urandom")).unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

fn say(text: &str) {
    eprintln!("{text}");
}
