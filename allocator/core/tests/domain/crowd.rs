//! A whole class clicking at once.

use std::collections::HashSet;

use futures_util::future::join_all;
use lablink_core::claims::Refusal;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_claims_over_150_vms_give_150_distinct_vms_and_50_refusals() {
    let scene = Scene::with_running(150).await;
    let emails: Vec<String> = (0..200).map(|n| format!("person{n}@example.org")).collect();
    let answers = join_all(emails.iter().map(|email| scene.claim(email, "4/x"))).await;

    let granted: HashSet<String> =
        answers.iter().flatten().map(|granted| granted.hostname.to_string()).collect();
    assert_eq!(granted.len(), 150, "each VM once");
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 150);
    assert_eq!(answers.iter().filter(|it| matches!(it, Err(Refusal::NoneFree))).count(), 50);
    assert_eq!(scene.count("select count(*) from claim where released_at is null").await, 150);
    assert_eq!(scene.count("select count(*) from event where kind = 'claim.created'").await, 150);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_person_clicking_wildly_gets_one_vm() {
    let scene = Scene::with_running(30).await;
    let spellings = ["ada@example.org", "Ada@Example.org", "  ADA@EXAMPLE.ORG ", "aDa@example.ORG"];
    let clicks = (0..60).map(|n| scene.claim(spellings[n % spellings.len()], "4/x"));
    let answers = join_all(clicks).await;

    let hostnames: HashSet<String> =
        answers.iter().map(|it| it.as_ref().unwrap().hostname.to_string()).collect();
    assert_eq!(hostnames.len(), 1);
    let pins: HashSet<&str> = answers.iter().map(|it| it.as_ref().unwrap().pin.reveal()).collect();
    assert_eq!(pins.len(), 1, "everybody was told the same PIN");
    assert_eq!(scene.count("select count(*) from claim").await, 1);
    assert_eq!(scene.count("select count(*) from vm where claim_id is not null").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_vm_goes_to_exactly_one_of_many() {
    let scene = Scene::with_running(1).await;
    let emails: Vec<String> = (0..40).map(|n| format!("person{n}@example.org")).collect();
    let answers = join_all(emails.iter().map(|email| scene.claim(email, "4/x"))).await;
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 1);
}
