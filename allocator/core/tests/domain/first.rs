//! What allocators do at their start, several of them at once.

use futures_util::future::join_all;
use lablink_core::{
    agents,
    operations::{self, LaunchError},
};

use crate::scene::{Scene, admin, kinds, name};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_vms_are_asked_for_once() {
    let scene = Scene::new().await;
    let scope = scene.by(admin());
    let ask = || operations::launch_first(&scope, 2);
    let asked = join_all((0..8).map(|_| ask())).await;
    assert_eq!(asked.into_iter().filter(|it| matches!(it, Ok(Some(_)))).count(), 1);
    assert_eq!(scene.count("select count(*) from vm").await, 2);
    // It does nothing either when all of them are gone.
    scene.sql("update operation set state = 'cancelled', finished_at = now()").await;
    scene.sql("update vm set removed_at = now()").await;
    assert!(ask().await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_is_launched_where_all_machines_are_registered() {
    let scene = Scene::new().await.ruled(|rules| rules.machines.launched_from = None);
    let refused = operations::launch(&scene.by(admin()), 1).await;
    assert!(matches!(refused, Err(LaunchError::NoSource)), "{refused:?}");
    assert_eq!(scene.count("select count(*) from operation").await, 0);
}

#[tokio::test]
async fn an_operation_at_work_keeps_the_tokens_that_it_gave_out() {
    let scene = Scene::new().await;
    scene.launch(1).await;
    let (scope, one) = (&scene.scope(), name("lablink-vm-test-1"));
    let ask = || agents::issue_while_idle(scope, &one);
    let taken = operations::take(scope, "worker", &kinds()).await.unwrap().unwrap();
    let its = agents::issue_enrolment(scope, &one).await.unwrap().unwrap();
    assert!(ask().await.unwrap().is_none());
    agents::enrol(scope, &one, &its).await.unwrap();
    taken.lease.finish(&operations::Outcome::succeeded()).await.unwrap();
    let fresh = ask().await.unwrap().unwrap();
    agents::enrol(scope, &one, &fresh).await.unwrap();
    let nobody = name("lablink-vm-test-9");
    assert!(agents::issue_while_idle(scope, &nobody).await.unwrap().is_none());
}
