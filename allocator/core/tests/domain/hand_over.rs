//! Agents that are woken at the same moment look, and note what they fetched, together.

use futures_util::future::join_all;
use lablink_core::claims::{Delivery, Situation};
use lablink_protocol::Hostname;

use crate::{
    intake::{HELD_UP, until_held_up},
    scene::{Scene, name},
};

/// Twenty VMs that their participants have just claimed.
async fn claimed() -> (Scene, Vec<Hostname>) {
    let scene = Scene::with_running(20).await;
    let mut vms = Vec::new();
    for nr in 0..20 {
        let email = format!("person-{nr}@example.org");
        vms.push(scene.claim(&email, &format!("4/{nr}")).await.unwrap().hostname);
    }
    (scene, vms)
}

async fn delivery(scene: &Scene, vm: &Hostname) -> Delivery {
    match scene.looks.look(&scene.db, vm, None).await.unwrap().map(|sight| sight.situation) {
        Some(Situation::Claimed(delivery)) => delivery,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_looks_at_once_gets_their_own_answers_by_two_connections() {
    let (scene, mut vms) = claimed().await;
    vms.insert(7, name("lablink-vm-test-99"));
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute("begin; lock table vm in access exclusive mode").await.unwrap();
    let looks = join_all(vms.iter().map(|vm| scene.looks.look(&scene.db, vm, None)));
    let teacher = async {
        until_held_up(&scene, 2).await;
        assert_eq!(scene.count(HELD_UP).await, 2);
        gate.batch_execute("commit").await.unwrap();
    };
    let (found, ()) = tokio::join!(looks, teacher);
    for (vm, sight) in vms.iter().zip(found) {
        match sight.unwrap().map(|sight| sight.situation) {
            Some(Situation::Claimed(Delivery { code, .. })) => {
                let nr = vm.as_str().rsplit('-').next().unwrap();
                let sql = format!(
                    "select count(*) from claim join vm on vm.id = vm_id
                    where number = {nr} and crd_code = '{}'",
                    code.as_str()
                );
                assert_eq!(scene.count(&sql).await, 1, "{vm}");
            }
            None => assert_eq!(vm.as_str(), "lablink-vm-test-99"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_fetched_at_once_is_noted_in_two_transactions_each_claim_once() {
    let (scene, vms) = claimed().await;
    let mut fetched = Vec::new();
    for vm in &vms {
        fetched.push(delivery(&scene, vm).await);
    }
    // One agent has fetched its command twice, another one that was replaced meanwhile.
    fetched.push(fetched[3].clone());
    fetched[5].command_no = 2;
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute("begin; lock table claim in share mode").await.unwrap();
    let scope = scene.scope();
    let notes = join_all(fetched.iter().map(|delivery| scene.deliveries.note(&scope, delivery)));
    let teacher = async {
        until_held_up(&scene, 1).await;
        gate.batch_execute("commit").await.unwrap();
    };
    let (noted, ()) = tokio::join!(notes, teacher);
    let noted: Vec<bool> = noted.into_iter().map(|after| after.unwrap().is_some()).collect();
    assert_eq!(noted.iter().filter(|noted| **noted).count(), 19);
    assert!(noted[3] && !noted[5] && !noted[20]);
    let sql = "select count(distinct xmin::text) from claim where state = 'connecting'";
    assert_eq!(scene.count(sql).await, 2);
    assert_eq!(scene.count("select count(*) from event where kind = 'claim.delivered'").await, 19);
}
