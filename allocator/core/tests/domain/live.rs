//! No wake-up is lost, whatever happens to the listener's connection.

use std::time::Duration;

use lablink_core::{
    claims::Situation,
    live::{self, Hub, Topic},
};

use crate::scene::{Scene, name};

const LONG: Duration = Duration::from_secs(10);

async fn listening(scene: &Scene) -> Hub {
    let hub = Hub::default();
    tokio::spawn(live::listen(scene.database.config(), hub.clone()));
    connected(&hub).await;
    hub
}

async fn connected(hub: &Hub) {
    tokio::time::timeout(LONG, async {
        while !hub.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the listener never connected");
}

/// Waits as an agent does: subscribe, then read, then wait.
async fn wait_for_claim(scene: &Scene, hub: &Hub, hostname: &str) {
    let mut changes = hub.subscribe(Topic::Vm(name(hostname)));
    tokio::time::timeout(LONG, async {
        loop {
            let situation = scene
                .looks
                .look(&scene.db, &name(hostname), None)
                .await
                .unwrap()
                .map(|sight| sight.situation);
            if matches!(situation, Some(Situation::Claimed(_))) {
                return;
            }
            changes.changed().await;
        }
    })
    .await
    .expect("the claim never reached the waiter");
}

const KILL_LISTENER: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'lablink-listener' and datname = current_database()";

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_hears_of_its_claim() {
    let scene = Scene::with_running(1).await;
    let hub = listening(&scene).await;
    let claim = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        scene.claim("ada@example.org", "4/x").await.unwrap();
    };
    tokio::join!(wait_for_claim(&scene, &hub, "lablink-vm-test-1"), claim);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_made_while_the_listener_is_dead_is_not_lost() {
    let scene = Scene::with_running(1).await;
    let hub = listening(&scene).await;
    let claim = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // One statement after the other on one connection: nobody listens when the claim commits.
        scene.sql(KILL_LISTENER).await;
        scene.claim("ada@example.org", "4/x").await.unwrap();
    };
    tokio::join!(wait_for_claim(&scene, &hub, "lablink-vm-test-1"), claim);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_comes_back_again_and_again() {
    let scene = Scene::with_running(8).await;
    let hub = listening(&scene).await;
    for n in 1..=8 {
        scene.sql(KILL_LISTENER).await;
        let hostname = format!("lablink-vm-test-{n}");
        let claim = async {
            scene.claim(&format!("person{n}@example.org"), "4/x").await.unwrap();
        };
        tokio::join!(wait_for_claim(&scene, &hub, &hostname), claim);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_listening_connection_serves_all_waiters() {
    let scene = Scene::with_running(1).await;
    let hub = listening(&scene).await;
    let waiters: Vec<_> =
        (0..500).map(|n| hub.subscribe(Topic::Vm(name(&format!("vm-{n}"))))).collect();
    assert_eq!(hub.waiters(), 500);
    let listeners = "select count(*) from pg_stat_activity
        where application_name = 'lablink-listener' and datname = current_database()";
    assert_eq!(scene.count(listeners).await, 1);
    drop(waiters);
    assert_eq!(hub.waiters(), 0);
}

/// The page that shows what becomes of a claim.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_a_claim_hears_that_its_command_was_fetched() {
    let scene = Scene::with_running(1).await;
    let hub = listening(&scene).await;
    let vm = name("lablink-vm-test-1");
    let mut changes = hub.subscribe(Topic::Vm(vm.clone()));
    let mut heard = async || tokio::time::timeout(LONG, changes.changed()).await.expect("nothing");
    scene.claim("ada@example.org", "4/x").await.unwrap();
    heard().await;
    let situation =
        scene.looks.look(&scene.db, &vm, None).await.unwrap().map(|sight| sight.situation);
    let Some(Situation::Claimed(delivery)) = situation else { panic!("{situation:?}") };
    assert!(scene.deliveries.note(&scene.scope(), &delivery).await.unwrap().is_some());
    heard().await;
    let told = "select count(*) from event where kind = 'claim.delivered'";
    assert_eq!(scene.count(told).await, 1);
    assert!(scene.deliveries.note(&scene.scope(), &delivery).await.unwrap().is_none());
    assert_eq!(scene.count(told).await, 1, "nothing happened the second time");
}
