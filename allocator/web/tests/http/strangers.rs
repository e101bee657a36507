//! Strangers at the form, and what an organiser does about them.

use axum::http::StatusCode;
use lablink_core::pools::{PerAddress, PlacesPerAddress};
use lablink_web::Proxies;
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json};

/// Behind a proxy of ours, which says who called.
async fn crowded(vms: u32, places: u32, claims: Option<u32>) -> App {
    let places = PlacesPerAddress::AtMost(places);
    let trusted = vec!["127.0.0.1/32".parse().unwrap()];
    let proxies = Proxies { trusted, ..Proxies::default() };
    App::with_running(vms).await.crowded(PerAddress { places, claims }).behind(proxies)
}

#[tokio::test]
async fn one_64_gets_as_many_places_as_it_may_and_others_theirs() {
    let app = crowded(0, 2, None).await;
    let join = |nr: u32, address: String| {
        let body = format!("email=s{nr}%40example.org");
        form("/line", &body).with("x-forwarded-for", &address)
    };
    for nr in 0..2 {
        let answer = app.call(join(nr, format!("2001:db8::{nr}")).by_browser()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    let full = app.call(join(2, "2001:db8::77:2".into())).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(full.json()["code"], "address_full");
    let page = app.call(join(2, "2001:db8::77:2".into()).by_browser()).await;
    assert!(page.body.contains("Ask your organiser") || page.body.contains("ask your organiser"));
    assert!(page.body.contains("s2@example.org"), "as it was typed");
    for other in ["2001:db8:0:1::1", "192.0.2.1"] {
        let answer = app.call(join(3, other.into()).by_browser()).await;
        let expected = [StatusCode::SEE_OTHER, StatusCode::CONFLICT];
        assert!(expected.contains(&answer.status), "{other}: {}", answer.body);
    }
}

#[tokio::test]
async fn one_address_gets_as_many_machines_as_it_may() {
    let app = crowded(4, 9, Some(1)).await;
    let claim = |name: &str, address: &str| {
        let body = format!("email={name}%40example.org&crd_command=--code%3D4%2Fx");
        form("/api/request_vm", &body).with("x-forwarded-for", address)
    };
    assert_eq!(app.call(claim("ada", "192.0.2.1")).await.status, StatusCode::CREATED);
    let second = app.call(claim("bob", "192.0.2.1")).await;
    assert_eq!(second.json()["code"], "address_full");
    assert_eq!(app.call(claim("ada", "192.0.2.1")).await.status, StatusCode::OK, "back in");
    assert_eq!(app.call(claim("bob", "192.0.2.2")).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_organiser_sees_the_crowd_and_clears_it() {
    let app = crowded(0, 50, None).await;
    let join = async |name: String, address: &str| {
        let body = format!("email={name}%40example.org");
        let joined = form("/line", &body).by_browser().with("x-forwarded-for", address);
        app.call(joined).await.header("location").to_owned()
    };
    let mut strangers = Vec::new();
    for nr in 0..6 {
        strangers.push(join(format!("s{nr}"), "2001:db8::1").await);
    }
    let (ada, bob) = (join("ada".into(), "192.0.2.1").await, join("bob".into(), "192.0.2.2").await);
    let participants = app.call(get("/admin/participants").by_browser().by_admin()).await.body;
    assert!(participants.contains("6 places come from one address"));
    let list = app.call(get("/api/places").by_admin()).await.json();
    assert_eq!(
        (&list["places"][0]["of_address"], &list["places"][6]["of_address"]),
        (&json!(6), &json!(1))
    );
    assert!(!list.to_string().contains("2001:db8") && !participants.contains("2001:db8"));

    let one = list["places"][0]["place_id"].as_i64().unwrap();
    let remove = || form(&format!("/api/places/{one}/remove"), "").by_admin();
    assert_eq!(app.call(remove()).await.json()["removed"], 1);
    assert_eq!(app.call(remove()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.call(remove().by_browser()).await.header("location"), "/admin/participants");
    let clear = post_json("/api/places/clear", &json!({"same_address_as": one + 1})).by_admin();
    assert_eq!(app.call(clear).await.json()["removed"], 5);
    for stranger in &strangers {
        let page = app.call(get(stranger).by_browser()).await.body;
        assert!(
            page.contains("Your place in line was removed") && page.contains("ask for one again")
        );
    }
    assert!(app.call(get(&ada).by_browser()).await.body.contains("next in line"));
    let asks = app.call(get("/admin/line/clear").by_browser().by_admin()).await.body;
    assert!(asks.contains("2 people lose"));
    let clear = form("/api/places/clear", "").by_browser().by_admin();
    assert_eq!(app.call(clear).await.header("location"), "/admin/participants");
    assert!(app.call(get(&bob).by_browser()).await.body.contains("was removed"));
    let told = app.call(get("/admin").by_browser().by_admin()).await.body;
    assert!(told.contains("5 places were taken out of the line"));
}

#[tokio::test]
async fn organisers_are_told_that_nothing_keeps_strangers_from_the_form() {
    let open = App::with_running(1).await;
    let closed = App::with_running(1).await.admitting(&[], "open sesame");
    for path in ["/admin", "/admin/participants"] {
        let warns = async |app: &App| {
            let page = app.call(get(path).by_browser().by_admin()).await.body;
            page.contains("Anybody who reaches this address can take machines")
        };
        assert!(warns(&open).await, "{path}");
        assert!(!warns(&closed).await, "{path}");
    }
}
