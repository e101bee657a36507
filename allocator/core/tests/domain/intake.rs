//! Claims that are asked for at the same moment are written together.

use std::time::Duration;

use futures_util::future::{join_all, poll_immediate};
use lablink_core::claims::Refusal;

use crate::scene::Scene;

/// How many statements wait for a lock in the scene's database.
pub const HELD_UP: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'";

/// Lets nobody claim until it is let go of.
const HOLD: &str = "begin; lock table claim in share mode";

pub async fn until_held_up(scene: &Scene, statements: i64) {
    while scene.count(HELD_UP).await < statements {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_class_that_clicks_at_once_is_written_in_a_few_transactions() {
    let scene = Scene::with_running(60).await;
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute(HOLD).await.unwrap();
    let emails: Vec<String> = (0..50).map(|nr| format!("person-{nr}@example.org")).collect();
    let class = join_all(emails.iter().map(|email| scene.claim(email, "4/x")));
    let teacher = async {
        until_held_up(&scene, 2).await;
        gate.batch_execute("commit").await.unwrap();
    };
    let (granted, ()) = tokio::join!(class, teacher);
    let mut names: Vec<String> =
        granted.into_iter().map(|granted| granted.unwrap().hostname.to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 50);
    assert_eq!(scene.count("select count(distinct xmin::text) from claim").await, 3);
    assert_eq!(scene.count("select count(*) from event where kind = 'claim.created'").await, 50);
}

#[tokio::test]
async fn a_person_among_them_who_asks_often_gets_one_vm_and_holds_nobody_up() {
    let scene = Scene::with_running(12).await;
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute(HOLD).await.unwrap();
    let emails = ["ada", "bob", "cleo", "cleo", "cleo", "dan", "cleo", "eve", "ada"];
    let emails = emails.map(|name| format!("{name}@example.org"));
    let class = join_all(emails.iter().map(|email| scene.claim(email, "4/x")));
    let teacher = async {
        until_held_up(&scene, 2).await;
        gate.batch_execute("commit").await.unwrap();
    };
    let (granted, ()) = tokio::join!(class, teacher);
    let granted: Vec<_> = granted.into_iter().map(Result::unwrap).collect();
    assert_eq!(scene.count("select count(*) from claim").await, 5);
    assert_eq!(granted[2].hostname, granted[6].hostname);
    assert_eq!(granted.iter().filter(|granted| granted.is_new).count(), 5);
}

#[tokio::test]
async fn of_those_who_are_served_together_the_first_get_the_last_vms() {
    let scene = Scene::with_running(5).await;
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute(HOLD).await.unwrap();
    let emails: Vec<String> = (0..8).map(|nr| format!("person-{nr}@example.org")).collect();
    let class = join_all(emails.iter().map(|email| scene.claim(email, "4/x")));
    let teacher = async {
        until_held_up(&scene, 2).await;
        gate.batch_execute("commit").await.unwrap();
    };
    let (granted, ()) = tokio::join!(class, teacher);
    // The first two had statements of their own, beside the one that all others share.
    let got: Vec<bool> = granted[2..].iter().map(Result::is_ok).collect();
    assert!(got.is_sorted_by(|earlier, later| *earlier || !*later), "{got:?}");
    assert_eq!(granted.iter().filter(|granted| granted.is_ok()).count(), 5);
    for refused in granted.iter().filter_map(|granted| granted.as_ref().err()) {
        assert!(matches!(refused, Refusal::NoneFree));
    }
}

#[tokio::test]
async fn who_leaves_the_queue_gets_no_vm_and_those_behind_do() {
    let scene = Scene::with_running(4).await;
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute(HOLD).await.unwrap();
    let emails = ["ada", "bob", "cleo", "dan"].map(|name| format!("{name}@example.org"));
    let [ada, bob, cleo, dan] = emails.each_ref().map(|email| scene.claim(email, "4/x"));
    let (mut ada, mut bob, mut cleo, mut dan) =
        (Box::pin(ada), Box::pin(bob), Box::pin(cleo), Box::pin(dan));
    for person in [&mut ada, &mut bob, &mut cleo, &mut dan] {
        assert!(poll_immediate(person).await.is_none());
    }
    drop(cleo);
    let teacher = async {
        until_held_up(&scene, 2).await;
        gate.batch_execute("commit").await.unwrap();
    };
    let (ada, bob, dan, ()) = tokio::join!(ada, bob, dan, teacher);
    assert!(ada.is_ok() && bob.is_ok() && dan.is_ok());
    assert_eq!(scene.count("select count(*) from claim where email like 'cleo%'").await, 0);
}

#[tokio::test]
async fn when_a_common_statement_fails_each_of_them_asks_alone() {
    let scene = Scene::with_running(6).await;
    // The statement that all who had to wait share is the only one that makes several claims.
    scene
        .sql(
            "create function cursed() returns trigger language plpgsql as $$ begin
                 if (select count(*) from made) > 1 then raise 'cursed'; end if; return null;
             end $$;
             create trigger cursed after insert on claim referencing new table as made
                 for each statement execute function cursed()",
        )
        .await;
    let gate = scene.db.client().await.unwrap();
    gate.batch_execute(HOLD).await.unwrap();
    let emails: Vec<String> = (0..6).map(|nr| format!("person-{nr}@example.org")).collect();
    let class = join_all(emails.iter().map(|email| scene.claim(email, "4/x")));
    let teacher = async {
        until_held_up(&scene, 2).await;
        gate.batch_execute("commit").await.unwrap();
    };
    let (granted, ()) = tokio::join!(class, teacher);
    assert!(granted.iter().all(Result::is_ok), "{granted:?}");
    assert_eq!(scene.count("select count(distinct vm_id) from claim").await, 6);
    assert_eq!(scene.count("select count(distinct xmin::text) from claim").await, 6);
}
