//! Strangers who fill the line, or take machines, from one address.

use std::net::IpAddr;

use futures_util::future::join_all;
use lablink_core::{
    Neighbours, Token,
    claims::Refusal,
    line::{self, EndReason, JoinError, Joined, Presented, Removal, Standing},
    pools::{FEWEST, PerAddress, PlacesPerAddress},
};
use lablink_protocol::CrdCode;

use crate::scene::{Scene, admin, alone};

/// With so many VMs, and as many places and claims of one address as may be.
async fn limited(vms: u32, places: PlacesPerAddress, claims: Option<u32>) -> Scene {
    let limits = PerAddress { places, claims };
    Scene::with_running(vms).await.ruled(|rules| rules.claiming.per_address = limits)
}

fn at(address: &str) -> Neighbours {
    Neighbours::of(address.parse::<IpAddr>().unwrap())
}

/// Everybody of one /64, each from an address of their own.
fn stranger(nr: usize) -> Neighbours {
    at(&format!("2001:db8:7:7::{nr:x}"))
}

async fn join(scene: &Scene, email: &str, from: &Neighbours) -> Result<Token, JoinError> {
    match scene.join_from(email, Presented::default(), from).await? {
        Joined::Place(token) => Ok(token),
        Joined::HoldsVm(_) => panic!("{email} holds a VM"),
    }
}

async fn look(scene: &Scene, token: &Token) -> Standing {
    line::look(&scene.scope(), token).await.unwrap().unwrap()
}

async fn is_offered(scene: &Scene, token: &Token) -> bool {
    matches!(look(scene, token).await, Standing::Offered { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_places_of_one_64_are_limited_also_when_they_come_at_once() {
    let scene = limited(0, PlacesPerAddress::AtMost(5), None).await;
    let joins = (0..40).map(|nr| {
        let scene = &scene;
        async move { join(scene, &format!("s{nr}@evil.example"), &stranger(nr)).await }
    });
    let joined = join_all(joins).await;
    assert_eq!(joined.iter().filter(|it| it.is_ok()).count(), 5);
    assert!(joined.iter().all(|it| matches!(it, Ok(_) | Err(JoinError::AddressFull))));
    // People from the next /64, and people who have a place and come again, are let in.
    join(&scene, "ada@example.org", &at("2001:db8:7:8::1")).await.unwrap();
    let own = joined.into_iter().position(|it| it.is_ok()).unwrap();
    let back = join(&scene, &format!("s{own}@evil.example"), &stranger(1)).await;
    assert!(matches!(back, Err(JoinError::AlreadyInLine)), "that is another matter");
    // A person who leaves makes room.
    scene.sql("update place set ended_at = now(), end_reason = 'left' where id = 1").await;
    join(&scene, "late@evil.example", &stranger(99)).await.unwrap();
}

#[tokio::test]
async fn a_class_behind_one_address_has_room_and_a_pool_that_is_larger_has_more() {
    let scene = limited(0, PlacesPerAddress::AsThePool, None).await;
    let school = at("192.0.2.1");
    for nr in 0..FEWEST {
        join(&scene, &format!("p{nr}@example.org"), &school).await.unwrap();
    }
    let one_more = join(&scene, "more@example.org", &school).await;
    assert!(matches!(one_more, Err(JoinError::AddressFull)));
    scene
        .sql("insert into vm (pool_id, hostname, source) select 1, 'desk-' || n, 'manual' from generate_series(1, 201) as n")
        .await;
    join(&scene, "more@example.org", &school).await.unwrap();
    let open = scene.ruled(|rules| rules.claiming.per_address = PerAddress::UNLIMITED);
    join(&open, "yet@example.org", &school).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_of_one_address_are_limited_with_the_places_that_may_become_some() {
    let scene = limited(10, PlacesPerAddress::Any, Some(3)).await;
    let claims = (0..12).map(|nr| {
        let scene = &scene;
        async move { scene.claim_from(&format!("s{nr}@evil.example"), &stranger(nr)).await }
    });
    let claimed = join_all(claims).await;
    assert_eq!(claimed.iter().filter(|it| it.is_ok()).count(), 3);
    let refused = claimed.iter().filter_map(|it| it.as_ref().err());
    assert!(refused.copied().all(|it| it == Refusal::AddressFull), "{claimed:?}");
    let joined = join(&scene, "s20@evil.example", &stranger(20)).await;
    assert!(matches!(joined, Err(JoinError::AddressFull)), "it could become a fourth");
    // A person who holds one gets back in. Others are not concerned.
    let own = claimed.iter().position(Result::is_ok).unwrap();
    let back = scene.claim_from(&format!("s{own}@evil.example"), &stranger(50)).await;
    assert!(!back.unwrap().is_new);
    scene.claim_from("ada@example.org", &at("192.0.2.9")).await.unwrap();

    // Two places of one home: with both its third machine is spoken for.
    scene.sql("update vm set status = 'error' where claim_id is null").await;
    let home = at("198.51.100.7");
    let first = join(&scene, "b1@example.org", &home).await.unwrap();
    join(&scene, "b2@example.org", &home).await.unwrap();
    join(&scene, "b3@example.org", &home).await.unwrap();
    scene.sql("update vm set status = 'running'").await;
    let fourth = scene.claim_from("b4@example.org", &home).await;
    assert_eq!(fourth.unwrap_err(), Refusal::AddressFull);
    scene.join("nobody@example.org", Presented::default()).await.unwrap(); // the line is served
    let code = CrdCode::from_command("--code=4/x").unwrap();
    let taken = line::claim(&scene.scope(), &first, Some(&code)).await.unwrap();
    assert!(matches!(taken, line::ClaimKept::Claimed(_)));
    let of_home = "select count(*) from claim where origin is not null and released_at is null";
    assert_eq!(scene.count(of_home).await, 5, "three, Ada's and the home's");
}

#[tokio::test]
async fn an_offer_to_a_place_that_shows_no_life_is_short() {
    let scene = Scene::with_running(1).await;
    scene.claim("first@example.org", "4/x").await.unwrap();
    let dead = join(&scene, "dead@example.org", &alone()).await.unwrap();
    let alive = join(&scene, "alive@example.org", &alone()).await.unwrap();
    // A machine comes: it is the dead one's turn.
    let ends = "update claim set released_at = now(), release_reason = 'released', crd_code = null,
                    pin = null; update vm set claim_id = null";
    scene.sql(ends).await;
    let serve = async || {
        // A place of an earlier person, who takes it back at once.
        let token = join(&scene, "clock@example.org", &alone()).await.unwrap();
        line::leave(&scene.scope(), &token).await.unwrap();
    };
    serve().await;
    let passed = async |seconds: u32| {
        scene
            .sql(&format!(
                "update place set last_looked_at = last_looked_at - interval '{seconds} seconds',
                     offered_at = offered_at - interval '{seconds} seconds'
                 where ended_at is null"
            ))
            .await;
        serve().await;
    };
    passed(59).await;
    assert!(!is_offered(&scene, &alive).await);
    passed(2).await;
    assert!(is_offered(&scene, &alive).await, "it went on");
    assert_eq!(scene.count("select count(*) from event where kind = 'place.passed'").await, 1);

    // A person who looks keeps it. One who comes back after an outage is still first in line.
    passed(100).await;
    assert!(is_offered(&scene, &alive).await);
    let back = look(&scene, &dead).await;
    assert!(matches!(back, Standing::Waiting { ahead: 0, .. }), "{back:?}");
    line::leave(&scene.scope(), &alive).await.unwrap();
    assert!(is_offered(&scene, &dead).await, "once somebody has looked again");
    // Once: it can't go on like that, and hold a machine for ever.
    scene
        .sql(
            "update place set offered_at = now() - interval '61 seconds',
                 last_looked_at = now() - interval '62 seconds' where ended_at is null",
        )
        .await;
    serve().await;
    assert!(matches!(look(&scene, &dead).await, Standing::Over(EndReason::Lapsed)));
}

#[tokio::test]
async fn a_machine_that_only_dead_places_could_have_is_anybodys() {
    let scene = Scene::with_running(1).await;
    let dead = join(&scene, "dead@example.org", &alone()).await.unwrap();
    scene
        .sql(
            "update place set offered_at = now() - interval '61 seconds',
                  last_looked_at = now() - interval '62 seconds'",
        )
        .await;
    line::leave(&scene.scope(), &join(&scene, "x@example.org", &alone()).await.unwrap())
        .await
        .unwrap();
    let free = lablink_core::vms::free(&scene.scope()).await.unwrap();
    assert_eq!(free, 1);
    scene.claim("ada@example.org", "4/x").await.unwrap();
    assert!(matches!(look(&scene, &dead).await, Standing::Waiting { .. }));
}

#[tokio::test]
async fn an_organiser_removes_one_place_those_of_an_address_or_all_of_them() {
    let scene = limited(1, PlacesPerAddress::AsThePool, None).await;
    let mut strangers = Vec::new();
    for nr in 0..6 {
        let email = format!("s{nr}@evil.example");
        strangers.push(join(&scene, &email, &stranger(nr)).await.unwrap());
    }
    let ada = join(&scene, "ada@example.org", &at("192.0.2.1")).await.unwrap();
    let bob = join(&scene, "bob@example.org", &at("192.0.2.2")).await.unwrap();
    assert!(is_offered(&scene, &strangers[0]).await);
    let crowd = line::crowd(&scene.scope()).await.unwrap().unwrap();
    assert_eq!((crowd.place, crowd.places), (1.into(), 6));
    let list = line::waiting(&scene.scope(), None, 10).await.unwrap().places;
    assert_eq!((list[0].of_address, list[6].of_address), (Some(6), Some(1)));

    let remove = async |which| line::remove(&scene.by(admin()), which).await.unwrap();
    assert_eq!(remove(Removal::One(list[0].id)).await, 1);
    assert_eq!(remove(Removal::One(list[0].id)).await, 0, "again");
    assert!(matches!(look(&scene, &strangers[0]).await, Standing::Over(EndReason::Removed)));
    assert!(is_offered(&scene, &strangers[1]).await, "the next");
    assert_eq!(remove(Removal::OfItsAddress(list[2].id)).await, 5);
    assert!(is_offered(&scene, &ada).await);
    assert_eq!(remove(Removal::All).await, 2);
    assert!(matches!(look(&scene, &bob).await, Standing::Over(EndReason::Removed)));
    scene.claim("cy@example.org", "4/x").await.unwrap();
    let told = "select sum((data->>'places')::int) from event where kind = 'place.removed'";
    assert_eq!(scene.count(told).await, 8);
}

#[tokio::test]
async fn an_address_is_kept_as_a_digest_and_only_while_it_is_needed() {
    let scene = limited(1, PlacesPerAddress::AtMost(5), Some(5)).await;
    let home = at("198.51.100.7");
    scene.claim_from("ada@example.org", &home).await.unwrap();
    let bob = join(&scene, "bob@example.org", &home).await.unwrap();
    let same = "select count(distinct origin) from (select origin from claim
                union all select origin from place) as kept where length(origin) = 32";
    assert_eq!(scene.count(same).await, 1);
    let readable = "select count(*) from place where encode(origin, 'escape') like '%198%'
                    or origin = sha256('198.51.100.7')";
    assert_eq!(scene.count(readable).await, 0, "keyed");
    let open = scene.ruled(|rules| rules.claiming.per_address = PerAddress::UNLIMITED);
    join(&open, "cy@example.org", &home).await.unwrap();
    assert_eq!(scene.count("select count(*) from place where origin is null").await, 1);

    line::leave(&scene.scope(), &bob).await.unwrap();
    scene
        .sql("update claim set released_at = now(), release_reason = 'released', crd_code = null, pin = null;
              update vm set claim_id = null")
        .await;
    let kept = "select (select count(*) from claim where origin is not null)
                     + (select count(*) from place where origin is not null)";
    while scene.count(kept).await > 0 {
        line::tend(&scene.scope()).await.unwrap();
    }
}
