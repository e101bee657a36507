//! A state that can't be true stops an operation before it changes anything, and an organiser
//! chooses the way out.

use std::fs;

use lablink_core::{
    Actor, Neighbours, agents,
    claims::{self, Intake, Proof, Request},
    operations::{self, Operation, OperationId, OperationState, SolveError},
    state::{self, Conflict, Fault},
    vms::{self, Selection},
};
use lablink_protocol::{CrdCode, Hostname, VmStatus};
use nix::sys::signal::Signal;

use crate::lab::{TerraformLab, admin, kinds, signal, vm};

impl TerraformLab {
    fn state_text(&self) -> String {
        fs::read_to_string(self.path("state/test.tfstate")).unwrap()
    }

    fn put_state(&self, text: &str) {
        fs::write(self.path("state/test.tfstate"), text).unwrap();
    }

    /// Somebody has the first VM, and a file on it.
    async fn claim(&self) {
        self.sql("update vm set status = 'running' where number = 1").await;
        let email = "ada@example.org".parse().unwrap();
        let code = CrdCode::from_command("--code=4/abc").unwrap();
        let request = Request {
            email: &email,
            code: Some(&code),
            proof: None::<Proof>,
            neighbours: &Neighbours::of([192, 0, 2, 1].into()),
            key: None,
        };
        claims::request(&self.scope(), &Intake::default(), &request).await.unwrap();
        fs::write(self.path("vms/lablink-vm-test-1/home/thesis"), "words").unwrap();
    }

    async fn nothing_is_lost(&self) {
        let kept = fs::read_to_string(self.path("vms/lablink-vm-test-1/home/thesis"));
        assert_eq!(kept.unwrap(), "words");
        assert!(self.agent_runs("1") && self.agent_runs("2"));
        let vms = self.vms().await;
        assert!(vms["1"].claim.is_some() && vms["1"].status == VmStatus::Running, "{vms:?}");
        assert!(vms.contains_key("2"));
    }

    /// One more launch, which must meet the conflict.
    async fn meets(&self, fault: Fault, lacking: &[&str]) -> Operation {
        let operation = self.ended(self.launch(1).await).await;
        assert_eq!(operation.state, OperationState::Failed, "{fault}: {operation:?}");
        let reason = operation.reason.as_deref().unwrap();
        assert!(reason.contains("Nothing was changed") && !reason.contains('\u{1b}'), "{reason}");
        let hostnames: Vec<Hostname> = lacking.iter().map(|it| vm(it)).collect();
        assert!(hostnames.iter().all(|it| reason.contains(it.as_str())), "{reason}");
        let conflict = state::conflict_of(&self.scope(), operation.id).await.unwrap();
        let mut conflict = conflict.unwrap_or_else(|| panic!("{operation:?}"));
        conflict.hostnames.sort();
        assert_eq!(conflict, Conflict { fault, hostnames, solved: false });
        operation
    }

    async fn bring_back(&self, met: OperationId) -> OperationId {
        operations::bring_back(&self.by(admin()), met).await.unwrap()
    }

    async fn works_on(&self, met: OperationId) {
        let again = operations::retry(&self.by(admin()), &kinds(), met).await.unwrap();
        self.succeeds(again).await;
        let conflict = state::conflict_of(&self.scope(), met).await.unwrap().unwrap();
        assert!(conflict.solved);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_state_costs_nothing_and_what_it_lost_is_brought_back() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.claim().await;
    let whole = lab.state_text();
    lab.put_state("");

    let met = lab.meets(Fault::Empty, &["1", "2"]).await;
    lab.nothing_is_lost().await;
    assert_eq!(lab.state_text(), "", "left for somebody to look at");
    let destroy = lab.ended(lab.destroy(Selection::All).await).await;
    assert_eq!(destroy.state, OperationState::Failed);
    lab.nothing_is_lost().await;
    assert!(!lab.vms().await["1"].removing);

    lab.succeeds(lab.bring_back(met.id).await).await;
    lab.works_on(met.id).await;
    lab.nothing_is_lost().await;
    assert_eq!(lab.state().into_keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    lab.tells_one_story().await;

    // What the page offered is done; a state from before is older now.
    let twice = operations::bring_back(&lab.by(admin()), met.id).await;
    assert!(matches!(twice, Err(SolveError::NoConflict)));
    lab.put_state(&whole);
    let met = lab.meets(Fault::Older, &["3"]).await;
    lab.succeeds(lab.bring_back(met.id).await).await;
    lab.works_on(met.id).await;
    lab.nothing_is_lost().await;
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_state_it_stops_before_anything_is_changed() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.claim().await;
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    let other = r#"{"version": 4, "terraform_version": "1.11.4", "serial": 99, "lineage": "other",
        "outputs": {}, "resources": [], "check_results": null}"#;
    let all = ["1", "2"];
    for (fault, text) in [
        (Fault::OtherHistory, other.to_owned()),
        (Fault::Unreadable, cut(&lab.state_text())),
        (Fault::Unreadable, "{}".to_owned()),
        (Fault::Empty, r#"{"version": 4}"#.to_owned()),
    ] {
        lab.put_state(&text);
        let met = lab.meets(fault, &all).await;
        lab.nothing_is_lost().await;
        assert_eq!(lab.state_text(), text);
        lab.succeeds(lab.bring_back(met.id).await).await;
        lab.nothing_is_lost().await;
    }
    // The same history, and newer: but one VM is gone from it, and no copy has it.
    lab.terraform(&["state", "rm", "terraform_data.vm[\"lablink-vm-test-2\"]"]);
    fs::remove_file(lab.path("state/test.tfstate.good")).unwrap();
    let met = lab.meets(Fault::Incomplete, &["2"]).await;
    lab.nothing_is_lost().await;
    lab.succeeds(lab.bring_back(met.id).await).await;
    lab.works_on(met.id).await;
    lab.nothing_is_lost().await;
    // And what was brought back is Terraform's again.
    lab.succeeds(lab.destroy(Selection::These(vec![vm("2")])).await).await;
    assert!(!lab.path("vms/lablink-vm-test-2").exists() && lab.agent_runs("1"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_by_name_ends_and_its_participant_is_told() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.claim().await;
    lab.put_state("");
    let met = lab.meets(Fault::Empty, &["1", "2"]).await;
    let give_up = |names: Vec<Hostname>| {
        let lab = &lab;
        async move { operations::give_up(&lab.by(admin()), met.id, names).await }
    };
    let some = give_up(vec![vm("1")]).await.unwrap_err();
    assert!(some.to_string().contains("lablink-vm-test-2"), "{some}");
    // A third one is made meanwhile, so to say: nobody has named that.
    fs::create_dir_all(lab.path("vms/lablink-vm-test-9")).unwrap();
    fs::write(lab.path("vms/lablink-vm-test-9/settings"), "").unwrap();
    let refused = lab.ended(give_up(vec![vm("2"), vm("1")]).await.unwrap()).await;
    assert!(refused.reason.unwrap().contains("lablink-vm-test-9"));
    lab.nothing_is_lost().await;
    fs::remove_dir_all(lab.path("vms/lablink-vm-test-9")).unwrap();

    lab.succeeds(give_up(vec![vm("1"), vm("2")]).await.unwrap()).await;
    let left = lab.vms().await;
    assert_eq!(left.keys().collect::<Vec<_>>(), ["3"], "of the launch that met it");
    assert!(!lab.path("vms/lablink-vm-test-1").exists() && !lab.agent_runs("2"));
    let told = "select count(*) from claim where release_reason = 'destroyed'";
    let by = "select count(*) from event where kind = 'vm.given_up' and actor = 'admin:teacher'";
    assert_eq!((lab.count(told).await, lab.count(by).await), (1, 2));
    lab.works_on(met.id).await;
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terraform_killed_while_it_writes_its_state_loses_nothing() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    lab.slow_down(30);
    let id = lab.launch(2).await;
    let terraform = lab.in_the_middle().await;
    // One agent is so quick that it has reported.
    let token = agents::issue_enrolment(&lab.scope(), &vm("2")).await.unwrap().unwrap();
    agents::enrol(&lab.scope(), &vm("2"), &token).await.unwrap();
    lab.put_state(&lab.state_text()[..50]);
    signal(terraform, Signal::SIGKILL);
    let operation = lab.ended(id).await;
    lab.heal();
    assert!(operation.reason.unwrap().contains("killed"));
    let conflict = state::conflict_of(&lab.scope(), id).await.unwrap().unwrap();
    assert_eq!(conflict.hostnames, [vm("1"), vm("2")], "not what never reported");
    assert!(lab.agent_runs("1"));

    // The one that reported has no machine after all, so it can only be given up.
    let back = lab.ended(lab.bring_back(id).await).await;
    assert!(back.reason.unwrap().contains("lablink-vm-test-2"));
    let left = state::conflict_of(&lab.scope(), back.id).await.unwrap().unwrap();
    assert_eq!((left.fault, &left.hostnames[..]), (Fault::Incomplete, &[vm("2")][..]));
    let names = left.hostnames;
    let gone = operations::give_up(&lab.by(admin()), back.id, names).await.unwrap();
    lab.succeeds(gone).await;
    lab.works_on(id).await;
    assert!(lab.agent_runs("1") && lab.agent_runs("3"));
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_made_or_is_not_ours_to_make_is_no_conflict() {
    let lab = TerraformLab::new().await;
    let desk = Some("desk-7".parse().unwrap());
    vms::register(&lab.by(admin()), desk, None).await.unwrap();
    let itself = lab.by(Actor::UnprovenAgent);
    vms::admit(&itself, &vm("70")).await.unwrap();
    vms::set_status(&itself, &vm("70"), VmStatus::Running).await.unwrap();
    // Two launches wait. The first fails before it has made its VM.
    let (first, second) = (lab.launch(1).await, lab.launch(1).await);
    fs::create_dir_all(lab.path("a/operations")).unwrap();
    fs::write(lab.path(&format!("a/operations/{first}")), "in the way").unwrap();
    let worker = lab.worker("a").await;
    assert_eq!(lab.ended(first).await.state, OperationState::Failed);
    lab.succeeds(second).await;
    // A machine of another environment, whose name begins as ours does.
    fs::create_dir_all(lab.path("vms/lablink-vm-test-2-1")).unwrap();
    fs::write(lab.path("vms/lablink-vm-test-2-1/settings"), "").unwrap();
    lab.succeeds(lab.launch(1).await).await;
    assert!(lab.path("vms/lablink-vm-test-2-1/settings").exists());
    fs::remove_dir_all(lab.path("vms/lablink-vm-test-2-1")).unwrap();
    let rows = lab.vms().await;
    assert!(rows.contains_key("desk-7") && rows.contains_key("70") && lab.agent_runs("2"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_meets_a_conflict_and_a_way_out_survives_a_crash() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.claim().await;
    lab.put_state("{\"ver");
    let met = lab.meets(Fault::Unreadable, &["1", "2"]).await;
    worker.stop().await;
    // Taken by one that was killed when the file was set aside, and the mended state written.
    let back = lab.bring_back(met.id).await;
    lab.sql(&format!(
        "update operation set state = 'running', attempt = 1, lease_owner = 'dead',
             started_at = now(), lease_expires_at = now() - interval '1 s' where id = {back}"
    ))
    .await;
    fs::remove_file(lab.path("state/test.tfstate")).unwrap();
    fs::write(lab.path("a/terraform/mended.tfstate"), "{").unwrap();
    let worker = lab.worker("a").await;
    lab.succeeds(back).await;
    lab.nothing_is_lost().await;
    assert!(!lab.path("a/terraform/mended.tfstate").exists(), "it holds keys");
    lab.works_on(met.id).await;
    lab.nothing_is_lost().await;
    worker.stop().await;
}

/// Database and state are lost together, and the machines are there: a new VM of a name that is
/// taken would begin with deleting its files.
#[tokio::test(flavor = "multi_thread")]
async fn machines_that_nobody_knows_are_a_conflict_and_are_adopted_when_brought_back() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    worker.stop().await;
    let file = lab.path("vms/lablink-vm-test-1/home/thesis");
    fs::write(&file, "words").unwrap();
    lab.sql("truncate vm, operation, terraform_state cascade").await;
    for name in ["test.tfstate", "test.tfstate.good"] {
        fs::remove_file(lab.path("state").join(name)).unwrap();
    }
    let worker = lab.worker("a").await;
    let met = lab.meets(Fault::Empty, &["1"]).await;
    assert!(file.exists() && lab.agent_runs("1"));
    let back = lab.bring_back(met.id).await;
    lab.succeeds(back).await;
    assert_eq!(lab.state().into_keys().collect::<Vec<_>>(), ["1"]);
    lab.succeeds(lab.launch(1).await).await;
    assert!(file.exists() && lab.agent_runs("1"));
    worker.stop().await;
}
