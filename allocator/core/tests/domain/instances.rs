//! VMs that are instances in a cloud.

use lablink_core::{
    Actor,
    operations::OperationId,
    pools::DeploymentNameError,
    state,
    vms::{self, Instance},
};
use lablink_protocol::{Vitals, VmStatus};

use crate::scene::{Scene, name};

const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

/// VMs whose machines an operation begins to make in a cloud.
async fn in_cloud(count: u32) -> (Scene, OperationId) {
    let scene = Scene::new().await;
    let id = scene.launch(count).await;
    scene.sql("update vm set source = 'aws'").await;
    let names: Vec<_> =
        (1..=count).map(|number| name(&format!("lablink-vm-test-{number}"))).collect();
    state::take_in_hand(&scene.scope(), id, &names, &[]).await.unwrap();
    (scene, id)
}

#[derive(Clone, Copy)]
enum Word {
    /// A script on the machine, or the agent's own report: nobody can tell them apart.
    SaysRunning,
    Heartbeat,
    /// An original client asks for its claim.
    Asks,
}

impl Word {
    async fn said(self, scene: &Scene) {
        let scope = scene.by(Actor::Agent(name(ONE)));
        match self {
            Self::SaysRunning => scene.report(ONE, VmStatus::Running).await,
            Self::Heartbeat => {
                vms::heartbeat(&scope, &name(ONE), &Vitals::default()).await.unwrap();
            }
            Self::Asks => vms::hear(&scope, &name(ONE)).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn an_instance_is_free_only_after_its_agent_itself_was_heard() {
    use Word::{Asks, Heartbeat, SaysRunning};
    for (words, is_free) in [
        (&[SaysRunning][..], false),
        (&[SaysRunning, SaysRunning], false),
        (&[Heartbeat], false),
        (&[SaysRunning, Heartbeat], true),
        (&[Heartbeat, SaysRunning], true),
        (&[SaysRunning, Asks], true),
        (&[Asks, SaysRunning], true),
    ] {
        let (scene, _) = in_cloud(1).await;
        for word in words {
            word.said(&scene).await;
        }
        let claimed = scene.claim("ada@example.org", "4/x").await.is_ok();
        assert_eq!(claimed, is_free, "{}", words.len());
    }
}

#[tokio::test]
async fn what_an_earlier_machine_said_is_no_word_of_the_next() {
    let (scene, id) = in_cloud(1).await;
    Word::SaysRunning.said(&scene).await;
    Word::Heartbeat.said(&scene).await;
    state::take_in_hand(&scene.scope(), id, &[name(ONE)], &[]).await.unwrap();
    Word::SaysRunning.said(&scene).await;
    assert!(scene.claim("ada@example.org", "4/x").await.is_err());
    Word::Heartbeat.said(&scene).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
}

#[tokio::test]
async fn an_instance_that_failed_in_between_starts_anew() {
    let (scene, _) = in_cloud(1).await;
    scene.report(ONE, VmStatus::Error).await;
    Word::SaysRunning.said(&scene).await;
    let vm = vms::find(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    assert_eq!(vm.status, VmStatus::Initializing);
    Word::Heartbeat.said(&scene).await;
    let vm = vms::find(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    assert_eq!(vm.status, VmStatus::Running);
}

#[tokio::test]
async fn rows_keep_what_the_state_says_of_their_instances() {
    let (scene, _) = in_cloud(2).await;
    let instance = |id: &str, public: Option<&str>| Instance {
        id: id.to_owned(),
        machine_type: "g4dn.xlarge".to_owned(),
        zone: "us-west-2b".to_owned(),
        private_address: Some("10.0.0.7".parse().unwrap()),
        public_address: public.map(|it| it.parse().unwrap()),
    };
    let (first, second) = (instance("i-1", None), instance("i-2", Some("203.0.113.7")));
    for found in [&first, &second] {
        let hostname = name(ONE);
        vms::note_instances(&scene.scope(), [(&hostname, found)].into_iter()).await.unwrap();
        let vm = vms::find(&scene.scope(), &hostname).await.unwrap().unwrap();
        assert_eq!(vm.instance.as_ref(), Some(found));
    }
    let other = vms::find(&scene.scope(), &name(TWO)).await.unwrap().unwrap();
    assert_eq!(other.instance, None);
}

#[tokio::test]
async fn an_instance_is_an_operation_s_own_only_while_that_makes_it() {
    let (scene, id) = in_cloud(2).await;
    let other = scene.launch(1).await;
    let asked = [(name(ONE), id), (name(TWO), other), (name("lablink-vm-test-9"), id)];
    let ours = state::being_made_by(&scene.scope(), &asked).await.unwrap();
    assert_eq!(ours, [name(ONE)]);
    state::take_true(&scene.scope(), None, &[name(ONE)]).await.unwrap();
    assert!(state::being_made_by(&scene.scope(), &asked).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_instance_that_was_reported_before_the_run_was_cut_off_is_still_its_own() {
    let (scene, id) = in_cloud(1).await;
    let asked = [(name(ONE), id)];
    let ours = async || state::being_made_by(&scene.scope(), &asked).await.unwrap();
    scene
        .sql(&format!(
            "insert into operation_vm (operation_id, hostname, stage, started_at)
             values ({id}, '{ONE}', 'done', now())"
        ))
        .await;
    state::made_by(&scene.scope(), id).await.unwrap();
    assert_eq!(ours().await, [name(ONE)]);
    scene.sql("update operation set state = 'failed', finished_at = now()").await;
    assert_eq!(ours().await, [name(ONE)]);
    // What was taken out of the state by hand later does not come back by itself.
    scene.sql("update operation set state = 'succeeded'").await;
    assert!(ours().await.is_empty());
    scene.sql("update operation set state = 'failed'").await;
    scene.sql("update vm set machine = 'removing'").await;
    assert!(ours().await.is_empty());
}

#[tokio::test]
async fn a_deployment_keeps_the_name_that_it_had_with_its_first_machine() {
    let scene = Scene::new().await;
    let keep = async |name: Option<&str>| scene.pool.keep_deployment_name(&scene.db, name).await;
    for unused in [None, Some("biology"), Some("physics")] {
        keep(unused).await.unwrap();
    }
    scene.launch(1).await;
    keep(Some("physics")).await.unwrap();
    for refused in [None, Some("biology")] {
        let error = keep(refused).await.unwrap_err();
        assert!(matches!(error, DeploymentNameError::Fixed { .. }));
        let said = error.to_string();
        assert!(said.contains("made as 'physics'") && said.contains("put the earlier one back"));
    }
    scene.sql("update pool set deployment_name = null").await;
    assert!(keep(Some("biology")).await.unwrap_err().to_string().contains("made without one"));
}
