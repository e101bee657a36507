//! The original's endpoints, as its clients know them.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use lablink_web::AgentAuth;
use serde_json::{Value, json};

use crate::app::{App, With as _, get, json};

async fn open() -> App {
    let app = App::new(AgentAuth::Open).await;
    app.launch(1).await;
    app
}

async fn post(app: &App, path: &str, body: Value) -> (u16, Value) {
    let answer = app.call(json(path, &body)).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn statuses_are_posted_and_read_in_three_forms() {
    let app = open().await;
    let hostname = "lablink-vm-test-1";
    let (status, answer) =
        post(&app, "/api/vm-status", json!({"hostname": hostname, "status": "running"})).await;
    assert_eq!((status, &answer["message"]), (200, &json!("VM status updated successfully.")));
    let one = app.call(get("/api/vm-status/lablink-vm-test-1")).await;
    assert_eq!(one.json(), json!({"hostname": hostname, "status": "running"}));
    assert_eq!(app.call(get("/api/vm-status")).await.json(), json!({hostname: "running"}));

    let (status, _) =
        post(&app, "/api/vm-status", json!({"hostname": hostname, "status": "assigned"})).await;
    assert_eq!(status, 200, "a word of the analysis, without effect");
    assert_eq!(app.call(get("/api/vm-status/lablink-vm-test-1")).await.json()["status"], "running");

    let missing = app.call(get("/api/vm-status/nobody")).await;
    assert_eq!((missing.status.as_u16(), &missing.json()["error"]), (404, &json!("VM not found.")));
}

#[tokio::test]
async fn no_vms_at_all_is_a_404() {
    let app = App::new(AgentAuth::Open).await;
    let answer = app.call(get("/api/vm-status")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (404, &json!("No VMs found.")));
}

#[tokio::test]
async fn reports_answer_in_the_originals_words() {
    let app = open().await;
    let hostname = "lablink-vm-test-1";
    let (status, answer) =
        post(&app, "/api/update_inuse_status", json!({"hostname": hostname, "status": true})).await;
    assert_eq!((status, &answer["message"]), (200, &json!("In-use status updated successfully.")));
    for word in [json!("Healthy"), json!("unhealthy"), json!("N/A"), json!(true)] {
        let body = json!({"hostname": hostname, "gpu_status": word, "more": 1});
        let (status, answer) = post(&app, "/api/gpu_health", body).await;
        assert_eq!(
            (status, &answer["message"]),
            (200, &json!("GPU health status updated successfully."))
        );
    }
}

#[tokio::test]
async fn bad_reports_are_refused_with_a_sentence() {
    let app = open().await;
    let hostname = "lablink-vm-test-1";
    for (path, body, status, says) in [
        ("/api/update_inuse_status", json!({"status": true}), 400, "Hostname is required."),
        ("/api/update_inuse_status", json!({"hostname": hostname}), 422, "status"),
        ("/api/update_inuse_status", json!({"hostname": hostname, "status": "yes"}), 422, "status"),
        (
            "/api/update_inuse_status",
            json!({"hostname": "nobody", "status": true}),
            404,
            "VM not found.",
        ),
        (
            "/api/gpu_health",
            json!({"hostname": hostname}),
            400,
            "GPU status and hostname are required.",
        ),
        ("/api/gpu_health", json!({"hostname": hostname, "gpu_status": 7}), 422, "gpu_status"),
        ("/api/vm-status", json!({"hostname": ""}), 400, "Hostname and status are required."),
        ("/api/vm-status", json!({"hostname": hostname, "status": "great"}), 422, "status"),
        ("/api/vm-status", json!({"hostname": "<script>", "status": "running"}), 422, "hostname"),
        ("/api/vm-status", json!({"hostname": 7, "status": "running"}), 422, "hostname"),
        (
            "/api/agent/claim-result",
            json!({"hostname": hostname, "claim_id": 9, "outcome": "connected"}),
            409,
            "claim",
        ),
        (
            "/api/agent/enrol",
            json!({"hostname": hostname, "enrolment_token": "guess"}),
            403,
            "enrolment token",
        ),
    ] {
        let (found, answer) = post(&app, path, body.clone()).await;
        assert_eq!(found, status, "{path} {body} {answer}");
        assert!(answer["error"].as_str().unwrap().contains(says), "{path} {body} {answer}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let app = open().await;
    let text = Request::post("/vm_startup").body(Body::from("hostname=x")).unwrap();
    assert_eq!(app.call(text).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = |body: String| {
        Request::post("/vm_startup")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap()
    };
    let answer = app.call(broken("{".into())).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!("malformed_json")));
    let answer = app.call(json("/api/vm-status", &json!(["desk-7", "running"]))).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.body.contains("a JSON object"), "{}", answer.body);
    let answer = app.call(broken(format!("{{\"hostname\": \"{}\"}}", "x".repeat(100_000)))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post(&app, "/vm_startup", json!([1])).await.0, 422);
}

#[tokio::test]
async fn health_is_told_under_every_name() {
    let app = open().await;
    for path in ["/healthz", "/health", "/api/health", "/readyz"] {
        assert_eq!(app.call(get(path)).await.status, StatusCode::OK, "{path}");
    }
    app.shutdown.cancel();
    assert_eq!(app.call(get("/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.call(get("/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn metrics_tell_of_the_pool_and_of_hand_overs() {
    let app = open().await;
    app.call(json(
        "/api/vm-status",
        &json!({"hostname": "lablink-vm-test-1", "status": "running"}),
    ))
    .await;
    app.call(json(
        "/api/request_vm",
        &json!({"email": "ada@example.org", "crd_command": "--code=4/x"}),
    ))
    .await;
    app.call(json("/vm_startup", &json!({"hostname": "lablink-vm-test-1"}))).await;
    let text = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        loop {
            let text = app.call(get("/metrics")).await.body;
            // The hand-over is noted after its answer.
            if text.contains("lablink_hand_over_seconds_count") {
                return text;
            }
        }
    })
    .await
    .unwrap();
    for line in [
        "# TYPE lablink_vms gauge",
        "lablink_vms{state=\"claimed\"}",
        "lablink_operations{kind=\"launch\",state=\"queued\"}",
        "lablink_claim_requests_total{outcome=\"granted\"}",
        "lablink_http_requests_total{method=\"POST\",route=\"/vm_startup\",status=\"200\"}",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("ada@"), "no person in there");
}

#[tokio::test]
async fn our_agents_verdict_and_vitals_go_beyond_the_originals_words() {
    let app = open().await;
    let hostname = "lablink-vm-test-1";
    let reason = "GPU 0: it is hot\u{0}";
    let body = json!({
        "hostname": hostname, "gpu_status": "Healthy", "verdict": "degraded", "reason": reason,
    });
    assert_eq!(post(&app, "/api/gpu_health", body).await.0, 200);
    let odd = json!({"hostname": hostname, "gpu_status": "Healthy", "verdict": "so-so"});
    assert_eq!(post(&app, "/api/gpu_health", odd).await.0, 422);

    let beat = json!({"hostname": hostname, "cpu_percent": 7, "gpus": [{"name": "T4\u{0}"}]});
    assert_eq!(post(&app, "/api/agent/heartbeat", beat).await.0, 200);
    let wrong = json!({"hostname": hostname, "cpu_percent": "much"});
    assert_eq!(post(&app, "/api/agent/heartbeat", wrong).await.0, 422);

    let vm = app.call(get("/api/vms/lablink-vm-test-1").by_admin()).await.json();
    assert_eq!((&vm["gpu"], &vm["gpu_reason"]), (&json!("degraded"), &json!("GPU 0: it is hot")));
    assert_eq!(vm["vitals"], json!({"cpu_percent": 7, "gpus": [{"name": "T4"}]}));
}
