//! Local VMs when an allocator comes back, beside others and beside Terraform.

use std::{fs, path::PathBuf};

use lablink_core::operations::OperationId;

use crate::lab::{Lab, Working, vm};

impl Lab {
    /// What an allocator does for the VMs at its start, to the end.
    async fn comes_back(&self, worker: &Working) {
        let caught_up = worker.caught_up.clone();
        self.local().resume_all(&self.db, self.pool, caught_up).await.unwrap();
    }

    fn folder(&self, number: &str) -> PathBuf {
        self.path("vms").join(vm(number).as_str())
    }

    fn noted_agent(&self, number: &str) -> String {
        fs::read_to_string(self.folder(number).join("agent.pid")).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_was_just_started_is_not_started_again() {
    let lab = Lab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    // It has not enrolled yet.
    let agent = lab.noted_agent("1");
    lab.comes_back(&worker).await;
    assert_eq!(lab.noted_agent("1"), agent, "the same process");
    assert!(lab.enrols("1").await, "by the token that it was started with");
    worker.stop().await;
}

/// A launch that is about to start VM 1, whose folder is there: it never enrolled, and is stopped.
async fn about_to_start(lab: &Lab) -> OperationId {
    lab.succeeds(lab.launch(1).await).await;
    lab.vm_sh("stop", &lab.folder("1"));
    // Broken, it is made anew by the next launch.
    lab.terraform(&["taint", "terraform_data.vm[\"lablink-vm-test-1\"]"]);
    lab.slow_down(4);
    let id = lab.launch(1).await;
    lab.in_the_middle().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_at_work_owns_its_vms() {
    let lab = Lab::new().await;
    let worker = lab.worker("a").await;
    let id = about_to_start(&lab).await;
    tokio::join!(lab.succeeds(id), lab.comes_back(&worker));
    assert!(lab.enrols("1").await && lab.enrols("2").await, "by the operation's own tokens");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_come_back_at_once_start_each_vm_once() {
    let lab = Lab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    for number in ["1", "2"] {
        lab.vm_sh("stop", &lab.folder(number));
    }
    fs::create_dir(lab.folder("1").join("state")).unwrap();
    fs::write(lab.folder("1").join("state/agent-token"), "its own").unwrap();
    fs::write(lab.folder("1").join("home/result"), "").unwrap();
    tokio::join!(lab.comes_back(&worker), lab.comes_back(&worker), lab.comes_back(&worker));
    for number in ["1", "2"] {
        let starts = fs::read_to_string(lab.folder(number).join("starts")).unwrap();
        assert!(lab.agent_runs(number) && starts.lines().count() == 2, "once by the launch");
    }
    assert!(lab.folder("1").join("home/result").exists(), "it is the machine that it was");
    assert!(lab.enrols("2").await, "by the one token that it was given");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_vm_of_ours_is_left_alone() {
    let lab = Lab::new().await;
    let worker = lab.worker("a").await;
    fs::create_dir(lab.folder("7")).unwrap();
    lab.comes_back(&worker).await;
    assert!(!lab.folder("7").join("home").exists());
    lab.vm_sh("resume", &lab.folder("8"));
    assert!(!lab.folder("8").exists(), "a VM that was removed meanwhile does not come back");
    worker.stop().await;
}
