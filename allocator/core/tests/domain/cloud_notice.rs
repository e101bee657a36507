//! What a VM's cloud announces for it.

use lablink_core::{
    claims::{self, Machine, Progress},
    line::{self, Joined, Presented, Standing},
    state,
    vms::{self, State},
};
use lablink_protocol::{CloudNotice, Vitals, VmStatus};

use crate::scene::{Scene, name};

const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

fn taken_back() -> CloudNotice {
    CloudNotice::TakenBack { action: "terminate".into(), time: "2026-11-26T10:32:00Z".into() }
}

fn maintenance() -> CloudNotice {
    CloudNotice::Maintenance {
        code: "system-reboot".into(),
        description: "scheduled reboot".into(),
        from: "21 Jan 2027 09:00:43 GMT".into(),
    }
}

/// As a heartbeat tells it, and tells it again some minutes later.
async fn announce(scene: &Scene, vm: &str, notice: CloudNotice) {
    let vitals = Vitals { notice: Some(notice), ..Vitals::default() };
    for _ in 0..2 {
        vms::heartbeat(&scene.scope(), &name(vm), &vitals).await.unwrap();
    }
}

async fn told(scene: &Scene) -> String {
    scene
        .text(
            "select coalesce(string_agg(kind, ' ' order by id), '') from event
               where kind in ('vm.taken_back', 'vm.maintenance', 'vm.notice_over')",
        )
        .await
}

#[tokio::test]
async fn what_its_cloud_takes_back_is_not_handed_out_until_that_is_called_off() {
    let scene = Scene::with_running(2).await;
    announce(&scene, ONE, CloudNotice::None).await;
    assert_eq!(told(&scene).await, "", "nothing was announced, which is no news");
    announce(&scene, ONE, taken_back()).await;
    let counts = vms::counts(&scene.scope()).await.unwrap();
    assert_eq!((counts.of(State::Ending), counts.of(State::Free)), (1, 1));
    let granted = scene.claim("ada@example.org", "4/a").await.unwrap();
    assert_eq!(granted.hostname.as_str(), TWO);
    scene.claim("bob@example.org", "4/b").await.unwrap_err();
    announce(&scene, ONE, CloudNotice::None).await;
    assert_eq!(scene.claim("bob@example.org", "4/b").await.unwrap().hostname.as_str(), ONE);
    assert_eq!(told(&scene).await, "vm.taken_back vm.notice_over", "each once");
}

#[tokio::test]
async fn what_it_only_works_on_goes_on() {
    let scene = Scene::with_running(1).await;
    announce(&scene, ONE, maintenance()).await;
    assert_eq!(told(&scene).await, "vm.maintenance");
    scene.claim("ada@example.org", "4/a").await.unwrap();
    let vm = vms::find(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    assert_eq!(vm.notice, Some(maintenance()));
}

#[tokio::test]
async fn its_participant_reads_when_it_is_taken_back() {
    let scene = Scene::with_running(1).await;
    let ada = scene.claim("ada@example.org", "4/a").await.unwrap();
    announce(&scene, ONE, taken_back()).await;
    let view = claims::by_link(&scene.db, &ada.link).await.unwrap().unwrap();
    let Progress::Open { machine, taken_back_at, .. } = view.progress else { panic!("it is open") };
    assert_eq!(machine, Machine::Ending);
    assert_eq!(taken_back_at, Some("2026-11-26T10:32:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_vm_that_is_kept_for_somebody_in_line_goes_to_nobody() {
    let scene = Scene::new().await;
    scene.launch(2).await;
    let joined = scene.join("ada@example.org", Presented { token: None, key: None }).await.unwrap();
    let Joined::Place(token) = joined else { panic!("she holds none") };
    scene.report(ONE, VmStatus::Running).await;
    let standing = async || line::look(&scene.scope(), &token).await.unwrap().unwrap();
    assert!(
        matches!(standing().await, Standing::Offered { hostname, .. } if hostname.as_str() == ONE)
    );
    announce(&scene, ONE, taken_back()).await;
    assert!(matches!(standing().await, Standing::Waiting { .. }));
    scene.report(TWO, VmStatus::Running).await;
    assert!(
        matches!(standing().await, Standing::Offered { hostname, .. } if hostname.as_str() == TWO)
    );
}

#[tokio::test]
async fn a_machine_that_is_made_anew_is_free_of_it() {
    let scene = Scene::with_running(1).await;
    announce(&scene, ONE, taken_back()).await;
    scene.sql("update vm set removed_at = now()").await;
    scene.launch(1).await;
    scene.report(ONE, VmStatus::Running).await;
    let counts = vms::counts(&scene.scope()).await.unwrap();
    assert_eq!((counts.of(State::Ending), counts.of(State::Free)), (0, 1));
}

/// One that failed keeps its row when it is launched again.
#[tokio::test]
async fn so_is_one_that_is_made_again_in_the_same_row() {
    let scene = Scene::new().await;
    let id = scene.launch(1).await;
    scene.report(ONE, VmStatus::Running).await;
    announce(&scene, ONE, taken_back()).await;
    let unhealthy = lablink_protocol::GpuHealth::Unhealthy;
    vms::set_gpu(&scene.scope(), &name(ONE), unhealthy, Some("It is off the bus.")).await.unwrap();
    vms::set_in_use(&scene.scope(), &name(ONE), true, None).await.unwrap();
    state::take_in_hand(&scene.scope(), id, &[name(ONE)], &[]).await.unwrap();
    scene.report(ONE, VmStatus::Running).await;
    let vm = vms::find(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    assert_eq!((vm.notice, vm.in_use), (None, false), "the machine before said so");
    assert_eq!(scene.claim("ada@example.org", "4/a").await.unwrap().hostname.as_str(), ONE);
}
