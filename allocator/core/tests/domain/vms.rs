use std::num::NonZero;

use jiff::Timestamp;
use lablink_core::{
    Actor,
    claims::{self, Progress, ReleaseReason},
    pools::Source,
    vms::{self, Counts, Existing, ReportError},
};
use lablink_protocol::{GpuHealth, Vitals, VmStatus};

use crate::scene::{Scene, name};

#[tokio::test]
async fn status_changes_are_history_and_repeats_are_not() {
    let scene = Scene::with_running(1).await;
    for status in [VmStatus::Error, VmStatus::Error, VmStatus::Running] {
        scene.report("lablink-vm-test-1", status).await;
    }
    let changes = "select count(*) from event where kind = 'vm.status_changed'";
    assert_eq!(scene.count(changes).await, 2);
}

#[tokio::test]
async fn a_report_makes_no_vm_that_was_not_admitted() {
    let scene = Scene::new().await;
    let stranger = name("desk-7");
    let status = VmStatus::Running;
    let refused =
        vms::set_status(&scene.by(Actor::Agent(stranger.clone())), &stranger, status).await;
    assert!(matches!(refused, Err(ReportError::NoSuchVm)));
    vms::admit(&scene.scope(), &stranger).await.unwrap();
    vms::set_status(&scene.by(Actor::UnprovenAgent), &stranger, status).await.unwrap();
    let vm = vms::find(&scene.scope(), &stranger).await.unwrap().unwrap();
    assert_eq!((vm.status, vm.source), (VmStatus::Running, Source::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_vms_that_nobody_asked_for_are_admitted_than_the_limit_says() {
    let scene = Scene::with_running(2).await;
    let scene = scene.ruled(|rules| rules.machines.most_unknown = NonZero::new(3));
    let admit = async |hostname: &str| vms::admit(&scene.scope(), &name(hostname)).await;
    let tries = (0..12).map(async |n| admit(&format!("desk-{n}")).await.is_ok());
    let admitted = futures_util::future::join_all(tries).await;
    assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 3);
    assert_eq!(scene.count("select count(*) from vm where source = 'unknown'").await, 3);

    let refused = admit("desk-new").await.unwrap_err();
    assert!(refused.to_string().contains("limits.unknown_vms"), "{refused}");
    let known = scene.text("select min(hostname) from vm where source = 'unknown'").await;
    admit(&known).await.unwrap();
    scene.remove(&known).await;
    admit("desk-new").await.unwrap();
}

#[tokio::test]
async fn a_removed_vm_ends_its_claim_and_frees_its_name() {
    let scene = Scene::with_running(1).await;
    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    scene.remove(granted.hostname.as_str()).await;
    assert!(vms::list(&scene.scope()).await.unwrap().is_empty());
    let view = claims::by_link(&scene.db, &granted.link).await.unwrap().unwrap();
    assert!(matches!(view.progress, Progress::Over { reason: ReleaseReason::Destroyed }));
    assert_eq!(scene.count("select count(*) from vm").await, 1, "the row is history");
    let again = scene.launch(1).await;
    assert_eq!(scene.hostnames_of(again).await, ["lablink-vm-test-1"]);
}

#[tokio::test]
async fn vms_in_the_state_without_a_row_are_adopted_once() {
    let scene = Scene::with_running(1).await;
    let existing =
        |number| Existing { hostname: name(&format!("lablink-vm-test-{number}")), number };
    for _ in 0..2 {
        let found = [existing(1), existing(2)];
        vms::reconcile_existing(&scene.scope(), Source::Local, &found, Timestamp::now())
            .await
            .unwrap();
    }
    let vms = vms::list(&scene.scope()).await.unwrap();
    assert_eq!(
        vms.iter().map(|vm| vm.status).collect::<Vec<_>>(),
        [VmStatus::Running, VmStatus::Unknown]
    );
    let launch = scene.launch(1).await;
    assert_eq!(
        scene.hostnames_of(launch).await,
        ["lablink-vm-test-3"],
        "a name that exists is not free"
    );
}

#[tokio::test]
async fn what_an_operation_left_undone_says_so() {
    let scene = Scene::new().await;
    scene.launch(4).await;
    scene.report("lablink-vm-test-4", VmStatus::Running).await;
    let why = async |number: u32| {
        let id = scene.vm_id(&format!("lablink-vm-test-{number}")).await;
        (id, "No room.".to_owned())
    };
    vms::fail(&scene.scope(), &[why(2).await]).await.unwrap();
    vms::note_undone(&scene.scope(), &[why(3).await]).await.unwrap();
    vms::doubt(&scene.scope(), &[why(1).await, why(4).await]).await.unwrap();
    let vms = vms::list(&scene.scope()).await.unwrap();
    let told: Vec<_> = vms.iter().map(|vm| (vm.status, vm.status_reason.as_deref())).collect();
    assert_eq!(told[0], (VmStatus::Error, Some("No room.")), "nobody knows");
    assert_eq!(told[1], (VmStatus::Error, Some("No room.")), "not made");
    assert_eq!(told[2], (VmStatus::Initializing, Some("No room.")), "not removed");
    assert_eq!(told[3], (VmStatus::Running, None), "its agent has said more");
}

#[tokio::test]
async fn every_vm_counts_once() {
    let scene = Scene::with_running(5).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    scene.claim("bob@example.org", "4/y").await.unwrap();
    let used = name("lablink-vm-test-1");
    vms::set_in_use(&scene.by(Actor::UnprovenAgent), &used, true, None).await.unwrap();
    scene.report("lablink-vm-test-3", VmStatus::Error).await;
    scene.report("lablink-vm-test-4", VmStatus::Initializing).await;
    let counts = vms::counts(&scene.scope()).await.unwrap();
    assert_eq!(
        counts,
        Counts { free: 1, claimed: 2, in_use: 1, starting: 1, failed: 1, ..Counts::default() }
    );
}

#[tokio::test]
async fn vitals_that_did_not_change_are_kept() {
    let scene = Scene::with_running(1).await;
    let vm = name("lablink-vm-test-1");
    let first = Vitals { cpu_percent: Some(3), disk_percent: Some(40), ..Vitals::default() };
    let second = Vitals { cpu_percent: Some(9), ..Vitals::default() };
    for vitals in [first, second, Vitals::default()] {
        vms::heartbeat(&scene.scope(), &vm, &vitals).await.unwrap();
    }
    let known = vms::find(&scene.scope(), &vm).await.unwrap().unwrap();
    let vitals = serde_json::json!({"cpu_percent": 9, "disk_percent": 40});
    assert_eq!((known.vitals, known.stopped), (Some(vitals), false));
}

#[tokio::test]
async fn the_reason_of_a_sick_gpu_goes_when_it_is_well() {
    let scene = Scene::with_running(1).await;
    let vm = name("lablink-vm-test-1");
    let reason = async || vms::find(&scene.scope(), &vm).await.unwrap().unwrap().gpu_reason;
    let sick = Some("GPU 0: it is too hot");
    vms::set_gpu(&scene.scope(), &vm, GpuHealth::Unhealthy, sick).await.unwrap();
    assert_eq!(reason().await.as_deref(), sick);
    vms::set_gpu(&scene.scope(), &vm, GpuHealth::Healthy, None).await.unwrap();
    assert_eq!(reason().await, None);
}

#[tokio::test]
async fn the_start_and_the_end_of_use_are_history() {
    let scene = Scene::with_running(1).await;
    let vm = name("lablink-vm-test-1");
    let agent = scene.by(Actor::Agent(vm.clone()));
    let since = Timestamp::from_second(1_700_000_000).ok();
    for in_use in [false, true, true, false] {
        vms::set_in_use(&agent, &vm, in_use, since).await.unwrap();
    }
    for (event, count) in [
        ("kind = 'vm.use_started' and data->>'since' = '2023-11-14T22:13:20Z'", 1),
        ("kind = 'vm.use_ended'", 1),
    ] {
        let sql = format!("select count(*) from event where {event}");
        assert_eq!(scene.count(&sql).await, count, "{event}");
    }
}
