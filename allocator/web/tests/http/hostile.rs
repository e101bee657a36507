//! Somebody with a VM's token, against the whole router.

use std::{io::Write, num::NonZero};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, future::join_all};
use lablink_web::{AgentAuth, AgentBudgets};
use serde_json::{Value, json};

use crate::app::{App, LOG_TOKEN, With as _, get, json};

const VM: &str = "lablink-vm-test-1";
const OTHER: &str = "lablink-vm-test-2";

fn heartbeat(hostname: &str, token: &str) -> Request<Body> {
    json("/api/agent/heartbeat", &json!({ "hostname": hostname })).with("authorization", token)
}

fn batch(messages: Value) -> Value {
    json!({ "log_group": "g", "log_stream": VM, "messages": messages })
}

fn packed(body: &Value, token: &str) -> Request<Body> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::best());
    packing.write_all(body.to_string().as_bytes()).unwrap();
    Request::post("/api/vm-logs")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip")
        .header(header::AUTHORIZATION, token)
        .body(Body::from(packing.finish().unwrap()))
        .unwrap()
}

async fn stored(app: &App) -> i64 {
    let count = app.text("select count(*)::text from log_line").await;
    count.parse().unwrap()
}

#[tokio::test]
async fn who_asks_too_often_is_refused_before_anything_is_looked_up_and_nobody_else_is() {
    let budgets = AgentBudgets { requests: NonZero::new(5), ..AgentBudgets::default() };
    let app = App::with_running(2).await.with_budgets(budgets);
    app.sql("update vm set source = 'aws'").await; // whose lines the forwarder brings
    let (token, other) = (app.agent(VM).await, app.agent(OTHER).await);
    for _ in 0..5 {
        assert_eq!(app.call(heartbeat(VM, &token)).await.status, StatusCode::OK);
    }
    let refused = app.call(heartbeat(VM, &token)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["code"], "too_many_requests");
    assert!(!refused.header("retry-after").is_empty());
    for request in [
        get(&format!("/api/vm-logs/{VM}")).with("authorization", &token),
        json("/vm_startup", &json!({ "hostname": VM })).with("authorization", &token),
        packed(&batch(json!(["x"])), &token),
    ] {
        assert_eq!(app.call(request).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    // Nothing is looked up: a database that is away changes none of it.
    app.sql("alter table agent_credential rename to gone").await;
    assert_eq!(app.call(heartbeat(VM, &token)).await.status, StatusCode::TOO_MANY_REQUESTS);
    app.sql("alter table gone rename to agent_credential").await;
    assert_eq!(app.call(heartbeat(OTHER, &other)).await.status, StatusCode::OK);
    let organiser = app.call(get(&format!("/api/vm-logs/{VM}")).by_admin()).await;
    assert_eq!(organiser.status, StatusCode::OK);
    let forwarder = format!("Bearer {LOG_TOKEN}");
    for _ in 0..10 {
        let answer = app.call(packed(&batch(json!(["x"])), &forwarder)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let metrics = app.call(get("/metrics")).await.body;
    assert!(metrics.contains("lablink_agent_refusals_total{reason=\"requests\"}"), "{metrics}");
}

#[tokio::test]
async fn a_body_is_as_dear_as_it_is_large_once_unpacked() {
    let budgets = AgentBudgets { requests: NonZero::new(60), ..AgentBudgets::default() };
    let app = App::with_running(1).await.with_budgets(budgets);
    let token = app.agent(VM).await;
    let large = batch(json!(["x".repeat(2_000_000)]));
    assert_eq!(app.call(packed(&large, &token)).await.status, StatusCode::OK);
    assert_eq!(app.call(packed(&large, &token)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.call(heartbeat(VM, &token)).await.status, StatusCode::OK, "a small one");
}

#[tokio::test]
async fn a_million_lines_in_a_small_body_are_dropped_counted_and_answered_well() {
    let app = App::with_running(1).await;
    app.sql("update vm set source = 'aws'").await; // whose lines the forwarder brings
    let token = app.agent(VM).await;
    let million = batch(json!(["\n".repeat(999_999) + "x"]));
    for token in [&token, &format!("Bearer {LOG_TOKEN}")] {
        let answer = app.call(packed(&million, token)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.json(), json!({ "message": "VM logs posted successfully." }));
    }
    assert_eq!(stored(&app).await, 40_000);
    let page = app.call(get(&format!("/admin/vms/{VM}")).by_admin()).await.body;
    assert!(page.contains("1960000 lines of its log were dropped"), "{page}");
    let metrics = app.call(get("/metrics")).await.body;
    assert!(metrics.contains("lablink_log_lines_dropped_total"), "{metrics}");
}

#[tokio::test]
async fn lines_and_bytes_over_a_vms_budget_are_dropped_whoever_hands_them_over() {
    let budgets = AgentBudgets {
        log_lines: NonZero::new(10),
        log_bytes: NonZero::new(100_000),
        ..AgentBudgets::default()
    };
    let app = App::with_running(2).await.with_budgets(budgets);
    app.sql("update vm set source = 'aws'").await; // whose lines the forwarder brings
    let tokens = [app.agent(VM).await, format!("Bearer {LOG_TOKEN}")];
    for token in &tokens {
        let lines: Vec<String> = (0..40).map(|nr| nr.to_string()).collect();
        assert_eq!(app.call(packed(&batch(json!(lines)), token)).await.status, StatusCode::OK);
    }
    assert_eq!(stored(&app).await, 50, "five minutes' worth");
    let body = json!({ "log_group": "g", "log_stream": OTHER, "messages": ["mine"] });
    assert_eq!(app.call(packed(&body, &tokens[1])).await.status, StatusCode::OK);
    assert_eq!(stored(&app).await, 51);

    let budgets = AgentBudgets { log_bytes: NonZero::new(1_000), log_lines: None, requests: None };
    let app = App::with_running(1).await.with_budgets(budgets);
    let token = app.agent(VM).await;
    let line = "x".repeat(904);
    app.call(packed(&batch(json!([line, line, line, line, line, line])), &token)).await;
    assert_eq!(stored(&app).await, 5);
}

#[tokio::test]
async fn one_search_at_a_time_and_few_in_a_minute() {
    let app = App::with_running(1).await;
    let token = app.agent(VM).await;
    let search = || get(&format!("/api/vm-logs/{VM}?search=x")).with("authorization", &token);
    // Holds up whoever reads the log.
    let mut client = app.db.client().await.unwrap();
    let holding = client.transaction().await.unwrap();
    holding.batch_execute("lock table log_line in access exclusive mode").await.unwrap();
    let answers = join_all((0..4).map(|_| app.call(search())));
    let letting_go = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        holding.commit().await.unwrap();
    };
    let (answers, ()) = tokio::join!(answers, letting_go);
    let taken = answers.iter().filter(|it| it.status == StatusCode::OK).count();
    let refused = answers.iter().filter(|it| it.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((taken, refused), (1, 3));
    let mut more = 0;
    while app.call(search()).await.status == StatusCode::OK {
        more += 1;
    }
    assert!(more < 10, "{more} more in the same minute");
    let organiser = app.call(get(&format!("/api/vm-logs/{VM}?search=x")).by_admin()).await;
    assert_eq!(organiser.status, StatusCode::OK);
}

#[tokio::test]
async fn a_vm_follows_its_log_twice_at_most() {
    let budgets = AgentBudgets { requests: None, ..AgentBudgets::default() };
    let app = App::with_running(1).await.with_budgets(budgets);
    let token = app.agent(VM).await;
    let follow = || get(&format!("/api/vm-logs/{VM}/events?after=0")).with("authorization", &token);
    app.call(packed(&batch(json!(["x"])), &token)).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let answer = app.send(follow()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let mut pieces = answer.into_body().into_data_stream();
        pieces.next().await.unwrap().unwrap();
        held.push(pieces);
    }
    assert_eq!(app.send(follow()).await.status(), StatusCode::TOO_MANY_REQUESTS);
    held.pop();
    assert_eq!(app.send(follow()).await.status(), StatusCode::OK, "one has hung up");
}

#[tokio::test]
async fn participants_get_on_while_vms_hold_all_that_is_theirs() {
    let app = App::new(AgentAuth::Required).await.with_connections_apart();
    app.launch(3).await;
    app.sql("update vm set status = 'running'").await;
    let token = app.agent(OTHER).await;
    let mut client = app.db.client().await.unwrap();
    let holding = client.transaction().await.unwrap();
    holding
        .batch_execute(
            "select from vm_presence for update; lock table vm_presence in exclusive mode",
        )
        .await
        .unwrap();
    let heartbeats = join_all((0..8).map(|_| app.call(heartbeat(OTHER, &token))));
    let participant = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let page = app.call(get("/").by_browser()).await;
        assert_eq!(page.status, StatusCode::OK);
        let wish = json!({ "email": "ada@example.org", "crd_command": "--code=4/x" });
        let claim = app.call(json("/api/request_vm", &wish)).await;
        assert_eq!(claim.status, StatusCode::CREATED, "{}", claim.body);
        holding.commit().await.unwrap();
    };
    tokio::join!(heartbeats, participant);
}

#[tokio::test]
async fn words_that_postgres_refuses_are_no_failure_of_ours() {
    let app = App::with_running(1).await;
    let token = app.agent(VM).await;
    let wish = json!({ "email": "ada@example.org", "crd_command": "--code=4/x" });
    app.call(json("/api/request_vm", &wish)).await;
    let claim_id: i64 = app.text("select id::text from claim").await.parse().unwrap();
    let text = "no\0 \u{1b}[31mdesktop\u{1b}[0m";
    let result = json!({
        "hostname": VM, "claim_id": claim_id, "outcome": "failed", "detail": text,
    });
    let answer = app.call(json("/api/agent/claim-result", &result).with("authorization", &token));
    assert_eq!(answer.await.status, StatusCode::OK);
    assert_eq!(app.text("select detail from claim").await, "no desktop");
    let history = app.call(get("/api/events").by_admin()).await.body;
    assert!(history.contains("no desktop"), "{history}");
    let gpu = json!({ "hostname": VM, "gpu_status": "Unhealthy", "reason": text });
    let answer = app.call(json("/api/gpu_health", &gpu).with("authorization", &token)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(app.text("select gpu_reason from vm").await, "no desktop");
}

#[tokio::test]
async fn made_up_methods_are_counted_as_one() {
    let app = App::new(AgentAuth::Required).await;
    for nr in 0..3 {
        let method = format!("MADE-UP-{nr}");
        let request = Request::builder().method(&*method).uri("/").body(Body::empty()).unwrap();
        app.call(request).await;
    }
    let metrics = app.call(get("/metrics")).await.body;
    assert!(!metrics.contains("MADE-UP"), "{metrics}");
    assert!(metrics.contains("method=\"other\""), "{metrics}");
}
