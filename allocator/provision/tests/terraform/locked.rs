//! Somebody else's Terraform holds the lock of the state.

use std::{
    fs,
    io::Write,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use lablink_core::{
    operations::{self, Operation, OperationId, OperationState},
    vms::Selection,
};

use crate::lab::{TerraformLab, admin, vm};

/// A Terraform that has planned, and waits for somebody to say yes: all the while, it holds the lock.
struct Waiting {
    terraform: Child,
    stdin: ChildStdin,
}

impl Waiting {
    fn say_no(mut self) {
        self.stdin.write_all(b"no\n").unwrap();
        assert!(!self.terraform.wait().unwrap().success());
    }
}

impl TerraformLab {
    async fn somebody_plans(&self) -> Waiting {
        let folder = self.path("elsewhere");
        fs::create_dir_all(&folder).unwrap();
        let state = self.path("state/test.tfstate");
        let module = format!(
            "terraform {{\n backend \"local\" {{\n path = {state:?}\n }}\n}}\noutput \"x\" {{\n value = 1\n}}\n"
        );
        fs::write(folder.join("main.tf"), module).unwrap();
        let mut terraform = Command::new("terraform");
        terraform.current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(terraform.args(["init", "-input=false"]).status().unwrap().success());
        let mut terraform = Command::new("terraform");
        terraform.arg("apply").current_dir(&folder).stdin(Stdio::piped());
        terraform.stdout(Stdio::null()).stderr(Stdio::null());
        let mut terraform = terraform.spawn().unwrap();
        let stdin = terraform.stdin.take().unwrap();
        let lock = self.path("state/.test.tfstate.lock.info");
        self.eventually("the state is locked", || lock.exists()).await;
        Waiting { terraform, stdin }
    }

    pub async fn put_off(&self, id: OperationId) -> Operation {
        let start = Instant::now();
        loop {
            let operation = self.operation(id).await;
            if operation.state == OperationState::Queued && operation.attempts > 0 {
                return operation;
            }
            assert!(!operation.state.is_over(), "{operation:?}");
            assert!(start.elapsed() < Duration::from_secs(120), "{operation:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn at_once(&self) {
        self.sql("update operation set not_before = now() where state = 'queued'").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_state_is_waited_for_and_the_log_says_so() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    let somebody = lab.somebody_plans().await;
    let id = lab.launch(1).await;
    let waits = lab.put_off(id).await;
    let reason = waits.reason.unwrap();
    let expected = "Attempt 1 of 6 failed: Somebody else holds the lock of Terraform's state";
    assert!(reason.starts_with(expected), "{reason}");
    let log = operations::log(&lab.db, id, 100).await.unwrap();
    let said = |text: &str| log.iter().any(|it| it.line.starts_with(text));
    assert!(said(expected) && said("The next attempt begins in 15 s."), "{log:?}");
    assert_eq!(lab.vms().await["3"].status_reason, None, "nothing is wrong with it");
    somebody.say_no();
    lab.at_once().await;
    assert_eq!(lab.succeeds(id).await.attempts, 2);
    assert!(["1", "2", "3"].iter().all(|it| lab.agent_runs(it)));
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_lock_is_done_later_or_cancelled_whatever_it_is() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(3).await).await;
    let somebody = lab.somebody_plans().await;
    let replace = |number: &str| {
        let (scope, names) = (lab.by(admin()), vec![vm(number)]);
        async move { operations::replace(&scope, names).await.unwrap() }
    };
    let before = lab.vms().await["1"].id;
    let (replaced, cancelled) = (replace("1").await, replace("2").await);
    let gone = lab.destroy(Selection::These(vec![vm("3")])).await;
    for id in [replaced, cancelled, gone] {
        lab.put_off(id).await;
        lab.sql("update operation set not_before = now() + interval '1 h' where attempts > 0")
            .await;
    }
    let vms = lab.vms().await;
    assert!(["1", "2", "3"].iter().all(|it| lab.agent_runs(it)), "nothing was done");
    assert_eq!(vms["1"].id, before, "its participant would have it still");
    assert!(vms.values().all(|it| it.removing), "they are spoken for");
    lab.cancel(cancelled).await;
    assert!(!lab.vms().await["2"].removing && lab.agent_runs("2"));
    somebody.say_no();
    lab.at_once().await;
    lab.succeeds(replaced).await;
    lab.succeeds(gone).await;
    assert!(lab.vms().await["1"].id != before && lab.enrols("1").await);
    lab.tells_one_story().await;
    worker.stop().await;
}
