//! What programs of organisers read of the pool as a whole.

use axum::http::StatusCode;
use lablink_protocol::organisers::{ClaimList, PoolBody, StartList, UsageList, VmList};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::app::{App, With, get, json as post_json};

/// As the types say it that programs share with the allocator.
async fn read<T: DeserializeOwned>(app: &App, path: &str) -> T {
    let answer = app.call(get(path).by_admin()).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    serde_json::from_value(answer.json()).unwrap()
}

async fn claim(app: &App, email: &str) {
    let wish = json!({ "email": email, "crd_command": "--code=4/x" });
    let answer = app.call(post_json("/api/request_vm", &wish)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
}

#[tokio::test]
async fn counts_starts_and_use_are_told() {
    let app = App::with_running(3).await;
    claim(&app, "ada@example.org").await;
    let pool: PoolBody = read(&app, "/api/pool").await;
    assert_eq!((pool.vms, pool.free, pool.claimed, pool.in_line), (3, 2, 1, 0));
    let starts: StartList = read(&app, "/api/starts").await;
    assert_eq!(starts.starts.len(), 3);
    app.sql(
        "insert into usage_sample (pool_id, at, claimed, in_use, healthy, degraded, unhealthy)
             select id, now() - interval '1 hour', 1, 0, 0, 0, 0 from pool",
    )
    .await;
    let usage: UsageList = read(&app, "/api/usage").await;
    assert_eq!((usage.step_seconds, usage.samples.last().unwrap().claimed), (900, 1));
}

#[tokio::test]
async fn claims_are_listed_page_by_page_open_ones_alone_if_asked() {
    let app = App::with_running(2).await;
    claim(&app, "ada@example.org").await;
    // Whose claim is over, of that neither command nor PIN is kept.
    app.sql(
        "insert into claim (pool_id, vm_id, email, state, released_at, release_reason)
             select pool_id, vm_id, 'p' || nth || '@example.org', state, now(), 'returned'
             from claim, generate_series(1, 100) as nth",
    )
    .await;
    let first: ClaimList = read(&app, "/api/claims").await;
    assert_eq!(first.claims.len(), 100);
    assert!(first.claims.iter().all(|claim| claim.ended_by.as_deref() == Some("returned")));
    let rest: ClaimList = read(&app, &format!("/api/claims?before={}", first.next.unwrap())).await;
    assert_eq!(rest.claims[0].email, "ada@example.org");
    assert_eq!((rest.claims.len(), rest.next), (1, None));
    let open: ClaimList = read(&app, "/api/claims?open=true").await;
    assert_eq!(open.claims.len(), 1);
    assert_eq!(open.claims[0].ended_at, None);
}

#[tokio::test]
async fn vms_are_listed_by_state_or_by_the_beginning_of_a_name() {
    let app = App::with_running(3).await;
    claim(&app, "ada@example.org").await;
    let names = async |query: &str| {
        let list: VmList = read(&app, &format!("/api/vms?{query}")).await;
        list.vms.into_iter().map(|vm| vm.hostname.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("show=claimed").await.len(), 1);
    assert_eq!(names("show=claimed").await, names("q=ada").await);
    assert_eq!(names("q=lablink-vm-test-3").await, ["lablink-vm-test-3"]);
    let page: VmList = read(&app, "/api/vms?show=newest&limit=2").await;
    assert_eq!(page.vms[0].hostname.as_str(), "lablink-vm-test-3");
    let after = page.next.unwrap();
    assert_eq!(names(&format!("show=newest&after={after}")).await, ["lablink-vm-test-1"]);
    let wrong = app.call(get("/api/vms?show=odd").by_admin()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
