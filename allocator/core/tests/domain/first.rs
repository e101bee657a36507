//! What allocators do at their start, several of them at once.

use futures_util::future::join_all;
use lablink_core::{
    agents, operations,
    vms::{NewVms, Source},
};

use crate::scene::{Scene, admin, kinds, name};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_vms_are_asked_for_once() {
    let scene = Scene::new().await;
    let wish = NewVms { environment: "test", source: Source::Local, count: 2 };
    let actor = admin();
    let ask = || operations::launch_first(&scene.db, scene.pool, &actor, &wish);
    let asked = join_all((0..8).map(|_| ask())).await;
    assert_eq!(asked.into_iter().filter(|it| matches!(it, Ok(Some(_)))).count(), 1);
    assert_eq!(scene.count("select count(*) from vm").await, 2);
    // Nor ever again, when all are gone.
    scene.sql("update operation set state = 'cancelled', finished_at = now()").await;
    scene.sql("update vm set removed_at = now()").await;
    assert!(ask().await.unwrap().is_none());
}

#[tokio::test]
async fn an_operation_at_work_keeps_the_tokens_that_it_gave_out() {
    let scene = Scene::new().await;
    scene.launch(1).await;
    let one = name("lablink-vm-test-1");
    let ask = || agents::issue_while_idle(&scene.db, scene.pool, &one);
    let taken = operations::take(&scene.db, scene.pool, "worker", &kinds()).await.unwrap().unwrap();
    let its = agents::issue_enrolment(&scene.db, scene.pool, &one).await.unwrap().unwrap();
    assert!(ask().await.unwrap().is_none());
    agents::enrol(&scene.db, scene.pool, &one, &its).await.unwrap();
    taken.lease.finish(&operations::Outcome::succeeded()).await.unwrap();
    let fresh = ask().await.unwrap().unwrap();
    agents::enrol(&scene.db, scene.pool, &one, &fresh).await.unwrap();
    let nobody = name("lablink-vm-test-9");
    assert!(agents::issue_while_idle(&scene.db, scene.pool, &nobody).await.unwrap().is_none());
}
