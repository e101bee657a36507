//! What is known of Terraform's state beside the state itself.

use lablink_core::{
    Actor, agents,
    operations::{self, OperationState, SolveError, Stage, Step},
    state::{self, Fault, Version},
    vms,
};
use lablink_protocol::{Hostname, Vitals, VmStatus};

use crate::scene::{Scene, admin, kinds, name};

fn vm(number: u32) -> Hostname {
    name(&format!("lablink-vm-test-{number}"))
}

impl Scene {
    async fn existing(&self) -> Vec<String> {
        let mut existing = state::existing(&self.scope()).await.unwrap();
        existing.sort();
        existing
            .iter()
            .map(|it| it.as_str().trim_start_matches("lablink-vm-test-").to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_tells_whether_its_machine_was_made() {
    let scene = Scene::new().await;
    let (scope, teacher) = (&scene.scope(), &scene.by(admin()));
    let hands = scene.launch(6).await;
    vms::register(teacher, Some(name("desk-7")), None).await.unwrap();
    vms::admit(scope, &name("unasked")).await.unwrap();
    let itself = scene.by(Actor::UnprovenAgent);
    vms::set_status(&itself, &name("unasked"), VmStatus::Running).await.unwrap();
    assert!(scene.existing().await.is_empty(), "queued, or not ours to make");

    state::take_in_hand(scope, hands, &[vm(1), vm(2), vm(3), vm(4)], &[]).await.unwrap();
    assert!(scene.existing().await.is_empty(), "begun, and never reported");
    let token = agents::issue_enrolment(scope, &vm(1)).await.unwrap().unwrap();
    agents::enrol(scope, &vm(1), &token).await.unwrap();
    scene.report("lablink-vm-test-2", VmStatus::Running).await;
    vms::heartbeat(scope, &vm(3), &Vitals::default()).await.unwrap();
    assert_eq!(scene.existing().await, ["1", "2", "3"], "reported");

    let taken = operations::take(scope, "a", &kinds()).await.unwrap().unwrap();
    let steps = [Step { stage: Stage::Done, ..Step::waiting(vm(4)) }];
    let report = operations::Report { steps: &steps, ..Default::default() };
    taken.lease.advance(&report).await.unwrap();
    state::made_by(scope, taken.operation.id).await.unwrap();
    assert_eq!(scene.existing().await, ["1", "2", "3", "4"], "Terraform said so");

    state::take_true(scope, None, &[vm(4), vm(5)]).await.unwrap();
    assert_eq!(scene.existing().await, ["1", "2", "3", "4", "5"], "a true state had it");
    state::take_in_hand(scope, hands, &[vm(1), vm(2), vm(3)], &[vm(5)]).await.unwrap();
    assert_eq!(scene.existing().await, ["4"], "made anew, or on its way out");
    let all: Vec<Hostname> = (1..=6).map(vm).collect();
    assert_eq!(state::in_hand(scope, &all).await.unwrap().len(), 4);
    let told = "select coalesce(string_agg(right(hostname, 1) || ' ' || event.kind, ', '
                    order by event.id), '')
                from event join vm on vm.id = event.vm_id
                where event.kind in ('vm.making', 'vm.made', 'vm.removing')";
    let making = "1 vm.making, 2 vm.making, 3 vm.making, 4 vm.making";
    let made = "4 vm.made, 5 vm.made";
    let told = scene.text(told).await;
    assert_eq!(told, format!("{making}, {made}, 5 vm.removing"), "changes alone are told");
}

#[tokio::test]
async fn a_machine_is_known_by_the_token_that_it_was_made_with() {
    let scene = Scene::new().await;
    let scope = &scene.scope();
    let id = scene.launch(3).await;
    state::take_in_hand(scope, id, &[vm(1), vm(2)], &[]).await.unwrap();
    let mut issued = agents::issue_enrolments(scope, &[vm(1), vm(2), vm(3)]).await.unwrap();
    let made = async || {
        let hashes = "select string_agg(encode(token_sha256, 'hex'), ' ' order by vm_id)
                      from enrolment";
        let hashes = scene.text(hashes).await;
        let hashes = hashes.split(' ').map(str::to_owned);
        let notes: Vec<(Hostname, String)> =
            [vm(1), vm(2), vm(3)].into_iter().zip(hashes).collect();
        let mut found = state::being_made_with(scope, &notes).await.unwrap();
        found.sort();
        found
    };
    assert_eq!(made().await, [vm(1), vm(2)], "nobody is making the third");
    let other = state::being_made_with(scope, &[(vm(1), "0".repeat(64))]).await.unwrap();
    assert!(other.is_empty(), "made with another token");
    agents::enrol(scope, &vm(1), &issued.remove(&vm(1)).unwrap()).await.unwrap();
    assert_eq!(made().await, [vm(1), vm(2)], "used, it is the same token");
    state::take_true(scope, None, &[vm(1)]).await.unwrap();
    assert_eq!(made().await, [vm(2)], "a true state had it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_never_grows_older_but_by_an_organiser_s_word() {
    let scene = Scene::with_running(1).await;
    let scope = &scene.scope();
    let version = |lineage: &str, serial| Version { lineage: lineage.to_owned(), serial };
    let seen = || async { state::last_seen(scope).await.unwrap() };
    assert_eq!(seen().await, None);
    for (taken, expected) in [
        (version("a", 3), version("a", 3)),
        (version("a", 5), version("a", 5)),
        (version("a", 4), version("a", 5)),
        (version("b", 9), version("a", 5)),
    ] {
        state::take_true(scope, Some(&taken), &[]).await.unwrap();
        assert_eq!(seen().await, Some(expected));
    }
    state::give_up(scope, 1.into(), &[vm(1)], Some(&version("b", 1))).await.unwrap();
    assert_eq!(seen().await, Some(version("b", 1)));
    assert!(vms::list(scope).await.unwrap().is_empty());
    assert_eq!(state::removed_among(scope, &[vm(1), vm(2)]).await.unwrap(), [vm(1)]);
    state::give_up(scope, 1.into(), &[], None).await.unwrap();
    assert_eq!(seen().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_open_until_a_true_state_is_seen() {
    let scene = Scene::with_running(2).await;
    let (scope, teacher) = (&scene.scope(), &scene.by(admin()));
    let none = operations::bring_back(teacher, 1.into()).await;
    assert!(matches!(none, Err(SolveError::NoConflict)));
    state::record_conflict(scope, 1.into(), Fault::Older, &[vm(1), vm(2)]).await.unwrap();
    let give_up =
        |names: Vec<Hostname>| async { operations::give_up(teacher, 1.into(), names).await };
    assert!(matches!(give_up(vec![vm(1)]).await, Err(SolveError::NotThese(all)) if all.len() == 2));
    let id = give_up(vec![vm(2), vm(1)]).await.unwrap();
    let queued = operations::find(scope, id).await.unwrap().unwrap();
    assert_eq!((queued.kind.as_str(), queued.state), ("give_up", OperationState::Queued));
    assert!(operations::cancel(teacher, &kinds(), id).await.unwrap());
    assert_eq!(vms::list(scope).await.unwrap().len(), 2, "taken back, nothing happens");
    state::take_true(scope, None, &[]).await.unwrap();
    assert!(state::conflict_of(scope, 1.into()).await.unwrap().unwrap().solved);
    assert!(matches!(give_up(vec![vm(1), vm(2)]).await, Err(SolveError::NoConflict)));
}
