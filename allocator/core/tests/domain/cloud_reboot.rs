//! Reboots of machines in a cloud, and a cloud that does what it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lablink_core::{
    Actor, CloudReboots, Scope,
    aws::{Answer, AwsKeys, CloudError, CloudMachine, CloudMachines, Finding, Kept, Owner, Told},
    live::Hub,
    operations::{self, Kinds, Operation, Reboot},
    pools::Source,
    secrets::{AwsLogin, Vault},
    vms::{self, Instance},
    worker::{Runners, Worker, WorkerParts},
};
use lablink_protocol::{CloudNotice, Vitals};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    errand::find,
    scene::{Scene, admin, name},
};

const ONE: &str = "lablink-vm-test-1";

/// What becomes of a machine that is rebooted.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// Its agent says another word or two first, and then comes back.
    ComesBack,
    /// The same, of an agent that does not tell its runs apart.
    ComesBackUnnamed,
    /// Its old agent goes on speaking.
    GoesOn,
    Refused,
}

struct Cloud {
    scope: Scope,
    fate: Fate,
    rebooted: Mutex<Vec<String>>,
}

async fn heartbeat(scope: &Scope, run: Option<&str>) {
    let vitals = Vitals { run: run.map(str::to_owned), ..Vitals::default() };
    vms::heartbeat(scope, &name(ONE), &vitals).await.unwrap();
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
        let finding = Finding::Stopped { said: None };
        let told = Told { finding, notice: CloudNotice::None };
        Box::pin(async move { Ok(HashMap::from([(ids[0].clone(), told)])) })
    }

    fn reboot<'a>(&'a self, _: Option<&'a AwsKeys>, ids: &'a [String]) -> Answer<'a, ()> {
        self.rebooted.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(ids);
        Box::pin(async move {
            let named = (self.fate != Fate::ComesBackUnnamed).then_some("first");
            match self.fate {
                Fate::Refused => {
                    return Err(CloudError { wish: "reboot the machine", said: "no".to_owned() });
                }
                Fate::GoesOn => {
                    let scope = self.scope.clone();
                    tokio::spawn(async move {
                        loop {
                            heartbeat(&scope, Some("first")).await;
                            tokio::time::sleep(Duration::from_millis(300)).await;
                        }
                    });
                }
                Fate::ComesBack | Fate::ComesBackUnnamed => {
                    let scope = self.scope.clone();
                    tokio::spawn(async move {
                        heartbeat(&scope, named).await;
                        vms::goodbye(&scope, &name(ONE)).await.unwrap();
                        tokio::time::sleep(Duration::from_millis(2500)).await;
                        heartbeat(&scope, named.map(|_| "second")).await;
                    });
                }
            }
            Ok(())
        })
    }

    fn end<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a [String]) -> Answer<'a, ()> {
        unreachable!("nobody asks that here")
    }

    fn keep<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a Kept) -> Answer<'a, ()> {
        unreachable!("nobody asks that here")
    }
}

/// How the reboot of a VM ends, and which instances the cloud was told to reboot.
async fn rebooted(fate: Fate, with_instance: bool) -> (Operation, Vec<String>, Scene) {
    let scene = Scene::with_running(1).await;
    let scene = scene.ruled(|rules| rules.machines.launched_from = Some(Source::Aws));
    scene.sql("update operation set state = 'succeeded', finished_at = now()").await;
    scene.sql("update vm set source = 'aws', heard_at = now()").await;
    let agent = scene.by(Actor::Agent(name(ONE)));
    heartbeat(&agent, (fate != Fate::ComesBackUnnamed).then_some("first")).await;
    if with_instance {
        let instance = Instance {
            id: "i-1".to_owned(),
            machine_type: "t3.small".to_owned(),
            zone: "us-west-2a".to_owned(),
            private_address: None,
            public_address: None,
        };
        let one = name(ONE);
        vms::note_instances(&scene.scope(), [(&one, &instance)].into_iter()).await.unwrap();
    }
    let cloud = Arc::new(Cloud { scope: agent, fate, rebooted: Mutex::default() });
    let reboots = CloudReboots {
        scope: scene.scope(),
        cloud: Arc::<Cloud>::clone(&cloud),
        aws: Arc::new(AwsLogin::new(None, Vault::new(None))),
        patience: if fate == Fate::GoesOn {
            Duration::from_secs(5)
        } else {
            Duration::from_mins(2)
        },
    };
    let worker = Worker::new(WorkerParts {
        scope: scene.scope(),
        hub: Hub::default(),
        owner: "test".to_owned(),
        runners: Arc::new(Runners::default().with::<Reboot>(&Arc::new(reboots))),
    });
    let _at_work = AbortOnDropHandle::new(tokio::spawn(worker.run(CancellationToken::new())));
    let kinds = Kinds::default().with::<Reboot>();
    let id = operations::reboot(&scene.by(admin()), &kinds, &name(ONE)).await.unwrap();
    let begun = std::time::Instant::now();
    loop {
        let operation = find(&scene, id).await;
        if operation.state.is_over() {
            let asked = cloud.rebooted.lock().unwrap().clone();
            return (operation, asked, scene);
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{operation:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn in_history(scene: &Scene) -> i64 {
    scene.count("select count(*) from event where kind = 'vm.rebooted'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cloud_reboots_it_and_its_agent_s_new_run_ends_the_wait() {
    for fate in [Fate::ComesBack, Fate::ComesBackUnnamed] {
        let (ended, asked, scene) = rebooted(fate, true).await;
        assert_eq!(ended.state, operations::OperationState::Succeeded, "{ended:?}");
        assert!(ended.reason.unwrap().starts_with("It came back after"));
        assert_eq!((asked, in_history(&scene).await), (vec!["i-1".to_owned()], 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_come_back_is_told_in_the_cloud_s_words() {
    let (ended, _, scene) = rebooted(Fate::GoesOn, true).await;
    assert_eq!(ended.state, operations::OperationState::Failed);
    let reason = ended.reason.unwrap();
    assert!(reason.contains("has not come back") && reason.contains("it was stopped"), "{reason}");
    assert_eq!(in_history(&scene).await, 1, "it was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cloud_refuses_or_does_not_know_is_not_rebooted() {
    for (with_instance, why) in
        [(true, "AWS did not reboot the machine: no"), (false, "no instance")]
    {
        let (ended, _, scene) = rebooted(Fate::Refused, with_instance).await;
        assert_eq!(ended.state, operations::OperationState::Failed);
        assert!(ended.reason.as_ref().unwrap().contains(why), "{:?}", ended.reason);
        assert_eq!(in_history(&scene).await, 0);
    }
}
