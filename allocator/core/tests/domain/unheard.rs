//! Machines in a cloud whose agents are not heard, and a cloud that says what it is told to.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lablink_core::{
    aws::{Answer, AwsKeys, CloudError, CloudMachine, CloudMachines, Finding, Kept, Owner, Told},
    vms::{self, Instance, State},
};
use lablink_protocol::{CloudNotice, Vitals};

use crate::scene::{Scene, name};

const ONE: &str = "lablink-vm-test-1";
const MISSED: Duration = Duration::from_secs(40);

#[derive(Default)]
struct Cloud {
    says: HashMap<String, Told>,
    is_away: bool,
    /// Of which machines it was asked.
    asked: Mutex<Vec<String>>,
}

impl CloudMachines for Cloud {
    fn machines<'a>(
        &'a self,
        _: Option<&'a AwsKeys>,
        _: &'a Owner,
    ) -> Answer<'a, Vec<CloudMachine>> {
        unreachable!("nobody asks that here")
    }

    fn how_are<'a>(
        &'a self,
        _: Option<&'a AwsKeys>,
        ids: &'a [String],
    ) -> Answer<'a, HashMap<String, Told>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(ids);
        let answer = match self.is_away {
            true => Err(CloudError { wish: "say", said: "no".to_owned() }),
            false => Ok(self.says.clone()),
        };
        Box::pin(async move { answer })
    }

    fn reboot<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a [String]) -> Answer<'a, ()> {
        unreachable!("nobody asks that here")
    }

    fn end<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a [String]) -> Answer<'a, ()> {
        unreachable!("nobody asks that here")
    }

    fn keep<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a Kept) -> Answer<'a, ()> {
        unreachable!("nobody asks that here")
    }
}

fn saying(finding: Finding, notice: CloudNotice) -> Cloud {
    let says = HashMap::from([("i-1".to_owned(), Told { finding, notice })]);
    Cloud { says, ..Cloud::default() }
}

fn stopped() -> Finding {
    Finding::Stopped { said: Some("User initiated (2026-11-26 10:32:00 GMT)".to_owned()) }
}

/// One VM on AWS whose agent was heard this long ago.
async fn heard(ago: &str) -> Scene {
    let scene = Scene::with_running(1).await;
    scene.sql("update vm set source = 'aws', heard_at = now()").await;
    vms::heartbeat(&scene.scope(), &name(ONE), &Vitals::default()).await.unwrap();
    scene.sql(&format!("update vm_presence set last_seen = now() - interval '{ago}'")).await;
    instance(&scene, "i-1").await;
    scene
}

async fn instance(scene: &Scene, id: &str) {
    let instance = Instance {
        id: id.to_owned(),
        machine_type: "t3.small".to_owned(),
        zone: "us-west-2a".to_owned(),
        private_address: None,
        public_address: None,
    };
    let name = name(ONE);
    vms::note_instances(&scene.scope(), [(&name, &instance)].into_iter()).await.unwrap();
}

async fn ask(scene: &Scene, cloud: &Cloud) -> u64 {
    // Its turn has come, whenever it was asked last.
    scene.sql("update vm_instance set ask_at = now() where ask_at > now()").await;
    vms::ask_about_unheard(&scene.scope(), cloud, None, MISSED).await.unwrap()
}

async fn found(scene: &Scene) -> Option<Finding> {
    let vm = vms::find(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    vm.found.map(|(finding, _)| finding)
}

const TOLD: &str = "select count(*) from event where kind = 'vm.found'";

#[tokio::test]
async fn a_machine_that_misses_heartbeats_is_asked_about_and_told_of_once() {
    let scene = heard("41 seconds").await;
    let cloud = saying(stopped(), CloudNotice::None);
    assert_eq!((ask(&scene, &cloud).await, ask(&scene, &cloud).await), (1, 0));
    assert_eq!(found(&scene).await, Some(stopped()));
    assert_eq!(scene.count(TOLD).await, 1);
    // It comes back, and goes again.
    vms::heartbeat(&scene.scope(), &name(ONE), &Vitals::default()).await.unwrap();
    assert_eq!(found(&scene).await, None, "its agent is heard");
    assert_eq!(ask(&scene, &cloud).await, 0);
    scene.sql("update vm_presence set last_seen = now() - interval '1 hour'").await;
    assert_eq!(ask(&scene, &cloud).await, 1);
    assert_eq!(scene.count(TOLD).await, 2);
}

#[tokio::test]
async fn a_machine_that_is_heard_costs_no_call() {
    let scene = heard("39 seconds").await;
    let cloud = saying(stopped(), CloudNotice::None);
    assert_eq!(ask(&scene, &cloud).await, 0);
    assert!(cloud.asked.lock().unwrap().is_empty());
    // An agent that says goodbye is not waited for.
    scene.sql("update vm_presence set stopped = true").await;
    assert_eq!(ask(&scene, &cloud).await, 1);
}

#[tokio::test]
async fn what_the_cloud_does_not_know_any_more_is_gone() {
    let scene = heard("1 minute").await;
    assert_eq!(ask(&scene, &Cloud::default()).await, 1);
    assert_eq!(found(&scene).await, Some(Finding::Ended { said: None }));
    // Another machine takes its name: what was said of the old one does not hold of it.
    instance(&scene, "i-2").await;
    assert_eq!(found(&scene).await, None);
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_changes_nothing() {
    let scene = heard("1 minute").await;
    ask(&scene, &saying(stopped(), CloudNotice::None)).await;
    let away = Cloud { is_away: true, ..Cloud::default() };
    assert_eq!(ask(&scene, &away).await, 0);
    assert_eq!(found(&scene).await, Some(stopped()));
}

#[tokio::test]
async fn a_spot_notice_that_the_agent_could_not_tell_counts_as_well() {
    let scene = heard("1 minute").await;
    let time = "2026-11-26T10:32:00Z".to_owned();
    let notice = CloudNotice::TakenBack { action: "terminate".to_owned(), time };
    ask(&scene, &saying(Finding::Runs, notice)).await;
    assert_eq!(vms::counts(&scene.scope()).await.unwrap().of(State::Ending), 1);
    assert_eq!(scene.count(TOLD).await, 0, "that it runs is no news");
}

#[tokio::test]
async fn of_two_allocators_one_asks() {
    let scene = heard("1 minute").await;
    let cloud = saying(stopped(), CloudNotice::None);
    let scope = scene.scope();
    let ask = || vms::ask_about_unheard(&scope, &cloud, None, MISSED);
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!(one.unwrap() + other.unwrap(), 1);
    assert_eq!(*cloud.asked.lock().unwrap(), ["i-1"]);
}

#[tokio::test]
async fn a_vm_that_is_gone_is_looked_at_no_more() {
    let scene = heard("1 minute").await;
    scene.sql("update vm set removed_at = now()").await;
    let cloud = saying(stopped(), CloudNotice::None);
    assert_eq!(ask(&scene, &cloud).await, 0);
    assert!(cloud.asked.lock().unwrap().is_empty());
    assert_eq!(scene.count("select count(*) from vm_instance where ask_at is null").await, 1);
}
