//! Local VMs when an allocator comes back, beside others and beside Terraform.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use lablink_core::{
    Actor, Scope,
    operations::{self, OperationId},
    pools::StaleAfter,
    vms,
};
use lablink_protocol::Vitals;

use crate::lab::{TerraformLab, Working, admin, kinds, vm};

impl TerraformLab {
    /// What an allocator does for the VMs at its start, to the end.
    async fn comes_back(&self, worker: &Working) {
        let caught_up = worker.caught_up.clone();
        let stale_after = StaleAfter(Duration::from_secs(1));
        let pool = self.pool.ruled(|rules| rules.machines.stale_after = stale_after);
        let scope = Scope::new(&self.db, &Arc::new(pool), Actor::System);
        self.local().resume_all(&scope, caught_up).await.unwrap();
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
    let lab = TerraformLab::new().await;
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
async fn about_to_start(lab: &TerraformLab) -> OperationId {
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
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    let id = about_to_start(&lab).await;
    tokio::join!(lab.succeeds(id), lab.comes_back(&worker));
    assert!(lab.enrols("1").await && lab.enrols("2").await, "by the operation's own tokens");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_come_back_at_once_start_each_vm_once() {
    let lab = TerraformLab::new().await;
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

/// Two local VMs as an earlier allocator left them, which had another address and an agent program
/// that is gone by now.
async fn of_an_earlier_address(lab: &TerraformLab) {
    lab.succeeds(lab.launch(2).await).await;
    for number in ["1", "2"] {
        let settings = lab.folder(number).join("settings");
        let text = fs::read_to_string(&settings).unwrap();
        let text = text.replace("http://127.0.0.1:1", "http://127.0.0.1:2");
        fs::write(&settings, text.replace("LABLINK_AGENT_PROGRAM=", "LABLINK_AGENT_PROGRAM=/gone"))
            .unwrap();
        fs::create_dir_all(lab.folder(number).join("state")).unwrap();
        fs::write(lab.folder(number).join("state/agent-token"), "its own").unwrap();
        fs::write(lab.folder(number).join("home/result"), "").unwrap();
    }
}

fn has_todays_settings(lab: &TerraformLab, number: &str) -> bool {
    let text = fs::read_to_string(lab.folder(number).join("settings")).unwrap();
    text.contains("ALLOCATOR_URL=http://127.0.0.1:1\n") && !text.contains("/gone")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_and_a_reboot_take_todays_settings() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    of_an_earlier_address(&lab).await;
    for number in ["1", "2"] {
        lab.vm_sh("stop", &lab.folder(number));
    }
    // Its agent was heard: a machine of which nothing was ever heard is started as a new one.
    lab.sql(
        "insert into agent_credential (vm_id, token_sha256, first_used_at)
         select id, sha256(hostname::bytea), now() from vm where removed_at is null
         on conflict (vm_id) do update set first_used_at = now()",
    )
    .await;
    let asked = operations::reboot(&lab.by(admin()), &kinds(), &vm("2")).await;
    lab.succeeds(asked.unwrap()).await;
    assert!(has_todays_settings(&lab, "2") && !has_todays_settings(&lab, "1"));
    lab.comes_back(&worker).await;
    for number in ["1", "2"] {
        assert!(lab.agent_runs(number) && has_todays_settings(&lab, number));
        assert!(lab.folder(number).join("home/result").exists(), "it is the machine that it was");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_calls_an_earlier_address_is_taken_over_if_nobody_hears_it() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    of_an_earlier_address(&lab).await;
    let agents = ["1", "2"].map(|number| lab.noted_agent(number));
    lab.sql(
        "insert into claim (pool_id, vm_id, email, crd_code, pin)
         select pool_id, id, 'a@b.de', '4/x', '123456' from vm where number = 2",
    )
    .await;
    lab.sql("update vm set claim_id = (select max(id) from claim) where number = 2").await;
    lab.comes_back(&worker).await;
    assert!(has_todays_settings(&lab, "1") && lab.agent_runs("1"));
    assert_ne!(lab.noted_agent("1"), agents[0], "nobody has it, so it is started again");
    assert_eq!(lab.noted_agent("2"), agents[1], "its participant's desktop goes on");
    let reason = lab.vms().await["2"].start_failure.clone().unwrap();
    assert!(reason.contains("reboot"), "{reason}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_allocators_vm_is_left_alone() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    of_an_earlier_address(&lab).await;
    let agents = ["1", "2"].map(|number| lab.noted_agent(number));
    let heard = async {
        loop {
            for number in ["1", "2"] {
                vms::heartbeat(&lab.scope(), &vm(number), &Vitals::default()).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = heard => unreachable!(),
        () = lab.comes_back(&worker) => {}
    }
    assert_eq!(["1", "2"].map(|number| lab.noted_agent(number)), agents);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_cannot_be_started_says_why() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    for number in ["1", "2"] {
        vms::heartbeat(&lab.scope(), &vm(number), &Vitals::default()).await.unwrap();
        lab.vm_sh("stop", &lab.folder(number));
        fs::create_dir_all(lab.folder(number).join("state")).unwrap();
        fs::write(lab.folder(number).join("state/agent-token"), "its own").unwrap();
    }
    // Nothing can be written where its log goes.
    fs::remove_file(lab.folder("1").join("agent.log")).unwrap();
    fs::create_dir(lab.folder("1").join("agent.log")).unwrap();
    lab.comes_back(&worker).await;
    let vms = lab.vms().await;
    let reason = vms["1"].start_failure.clone().unwrap();
    assert!(reason.contains("the agent ended at once"), "{reason}");
    assert!(vms["1"].stopped && vms["1"].suspect_at.is_some(), "it is not handed out");
    assert_eq!(vms["2"].start_failure, None);
    vms::heartbeat(&lab.scope(), &vm("1"), &Vitals::default()).await.unwrap();
    assert_eq!(lab.vms().await["1"].start_failure, None, "it is heard again");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vms_that_stop_with_the_allocator_are_not_handed_out_when_it_comes_back() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    vms::heartbeat(&lab.scope(), &vm("1"), &Vitals::default()).await.unwrap();
    assert_eq!(lab.local().stop_all(&lab.scope()).await.unwrap(), [""; 0]);
    assert!(!lab.agent_runs("1") && lab.vms().await["1"].stopped);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_vm_of_ours_is_left_alone() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    fs::create_dir(lab.folder("7")).unwrap();
    lab.comes_back(&worker).await;
    assert!(!lab.folder("7").join("home").exists());
    lab.vm_sh("resume", &lab.folder("8"));
    assert!(!lab.folder("8").exists(), "a VM that was removed meanwhile does not come back");
    worker.stop().await;
}
