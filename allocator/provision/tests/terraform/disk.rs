//! Disks that are really full: small ones in memory, which only root may mount.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
};

use lablink_core::operations::OperationState;
use nix::unistd::Uid;

use crate::lab::TerraformLab;

struct Disk {
    at: PathBuf,
}

impl Disk {
    /// A disk of 256 KiB in place of this folder. None without root's rights.
    fn mount(at: &Path) -> Option<Self> {
        if !Uid::effective().is_root() {
            eprintln!("not tried: mounting a small disk takes root");
            return None;
        }
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(at).status();
        assert!(mounted.unwrap().success());
        Some(Self { at: at.to_owned() })
    }

    /// Leaves room for this many pages of 4 KiB.
    fn fill(&self, left: usize) {
        let mut file = File::create(self.at.join("filling")).unwrap();
        let full = std::iter::repeat_with(|| file.write_all(&[0; 4096])).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), ErrorKind::StorageFull);
        let pages = file.metadata().unwrap().len() / 4096;
        file.set_len((pages - u64::try_from(left).unwrap()) * 4096).unwrap();
    }

    fn free(&self) {
        fs::remove_file(self.at.join("filling")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_under_the_log_costs_no_vm() {
    let lab = TerraformLab::new().await;
    let Some(disk) = Disk::mount(&lab.path("a/operations")) else { return };
    let worker = lab.worker("a").await;
    disk.fill(2);
    let operation = lab.ended(lab.launch(3).await).await;
    let said = lab.path(&format!("a/operations/{}/terraform.jsonl", operation.id));
    assert!(fs::metadata(said).unwrap().len() <= 8192, "the disk was not full");
    lab.tells_one_story().await;
    disk.free();
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_under_the_state_fails_before_anything_is_made() {
    let lab = TerraformLab::new().await;
    let Some(disk) = Disk::mount(&lab.path("state")) else { return };
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    disk.fill(0);
    let operation = lab.ended(lab.launch(2).await).await;
    assert_eq!(operation.state, OperationState::Failed);
    let reason = operation.reason.unwrap();
    assert!(reason.to_lowercase().contains("no space left on device"), "{reason}");
    assert_eq!(lab.state().len(), 1);
    lab.tells_one_story().await;
    disk.free();
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_under_the_state_leaves_no_vm_that_nobody_knows() {
    let lab = TerraformLab::new().await;
    let Some(disk) = Disk::mount(&lab.path("state")) else { return };
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    lab.slow_down(2);
    let id = lab.launch(4).await;
    lab.in_the_middle().await;
    disk.fill(0);
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Failed, "{operation:?}");
    lab.heal();
    disk.free();
    // What Terraform could not save is saved now, and the rows put right.
    let kept = ["errored.tfstate", "errored.operation"].map(|it| lab.path("a/terraform").join(it));
    lab.eventually("the state is saved", || !kept.iter().any(|it| it.exists())).await;
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}
