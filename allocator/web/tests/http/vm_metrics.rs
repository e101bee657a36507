//! The timings of a VM's start (contract §1.12).

use axum::http::StatusCode;
use lablink_core::{
    startup::{self, Startup},
    vms,
};
use lablink_web::AgentAuth;
use serde_json::{Value, json};

use crate::app::{App, With, get, json};

const PATH: &str = "/api/vm-metrics/lablink-vm-test-1";

async fn open() -> App {
    let app = App::new(AgentAuth::Open).await;
    app.launch(1).await;
    app
}

async fn post(app: &App, metrics: Value) {
    let answer = app.call(json(PATH, &metrics)).await;
    assert_eq!(answer.status, StatusCode::OK, "{metrics}: {}", answer.body);
    assert_eq!(answer.json(), json!({"message": "VM metrics posted successfully."}));
}

async fn known(app: &App) -> Startup {
    let vm = vms::list(&app.scope()).await.unwrap().remove(0);
    startup::of_vm(&app.db, vm.id).await.unwrap()
}

#[tokio::test]
async fn what_the_two_scripts_send_is_kept() {
    let app = open().await;
    let start = 1_772_355_600;
    post(
        &app,
        json!({
            "cloud_init_start": start, "cloud_init_end": start + 95,
            "cloud_init_duration_seconds": 95,
        }),
    )
    .await;
    post(
        &app,
        json!({
            "container_start_time": start + 100, "container_end_time": start + 130,
            "container_startup_duration_seconds": 30,
        }),
    )
    .await;
    let startup = known(&app).await;
    assert_eq!(startup.cloud_init.seconds, Some(95.0));
    assert_eq!(startup.container.seconds, Some(30.0));
    assert_eq!(startup.cloud_init.started_at.unwrap().as_second(), start);
    assert_eq!(startup.total_seconds(), None, "Terraform has not said how long it took");
}

#[tokio::test]
async fn every_spelling_is_understood_and_durations_are_derived() {
    for metrics in [
        json!({"container_start": 1_772_355_600, "container_end": 1_772_355_645.5}),
        json!({"container_start": "1772355600", "container_ready": "1772355645.5"}),
        json!({"container_start_time": "2026-03-01T09:00:00Z", "container_end_time": "2026-03-01T09:00:45.5Z"}),
        json!({"container_start": "2026-03-01T10:00:00+01:00", "container_ready": "2026-03-01 09:00:45.5"}),
        json!({"container_startup_duration_seconds": "45.5", "container_start": null}),
    ] {
        let app = open().await;
        post(&app, metrics.clone()).await;
        assert_eq!(known(&app).await.container.seconds, Some(45.5), "{metrics}");
    }
}

#[tokio::test]
async fn image_and_startup_script_are_shown_and_nonsense_is_not() {
    let app = open().await;
    post(&app, json!({"client_image": "old"})).await;
    post(&app, json!({"startup_script": {"attempts": 3, "exit_status": 7}})).await;
    let page = app.call(get("/admin/vms/lablink-vm-test-1").by_browser().by_admin()).await.body;
    assert!(page.contains("An old one of LabLink’s"), "{page}");
    assert!(page.contains("Failed after 3 tries, the last with exit status 7"), "{page}");

    post(&app, json!({"client_image": 1, "startup_script": "<b>"})).await;
    let page = app.call(get("/admin/vms/lablink-vm-test-1").by_browser().by_admin()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("Startup script"), "{}", page.body);
}

#[tokio::test]
async fn pulling_the_image_is_a_stage_that_does_not_count_by_itself() {
    let app = open().await;
    post(&app, json!({"docker_pull_start": 1_772_355_600, "docker_pull_end": null})).await;
    post(&app, json!({"docker_pull_end": "2026-03-01T09:01:10Z"})).await;
    let startup = known(&app).await;
    assert_eq!(startup.image_pull.seconds, Some(70.0));
    assert_eq!(startup.total_seconds(), None);
}

#[tokio::test]
async fn unknown_keys_are_kept_as_they_are() {
    let app = open().await;
    let more = json!({"warm_up_start": "2026-03-01T09:00:00Z", "gpu": {"n\0": ["\0", 1, null]}});
    post(&app, more).await;
    post(&app, json!({"warm_up_end": 7})).await;
    let client = app.db.client().await.unwrap();
    let other: Value = client.query_one("select other from vm_startup", &[]).await.unwrap().get(0);
    assert_eq!(
        other,
        json!({
            "warm_up_start": "2026-03-01T09:00:00Z", "warm_up_end": 7,
            "gpu": {"n": ["", 1, null]},
        })
    );
    let many: serde_json::Map<_, _> = (0..51).map(|nr| (format!("k{nr}"), json!(1))).collect();
    let answer = app.call(json(PATH, &many.into())).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn wrong_values_are_named_and_change_nothing() {
    let app = open().await;
    for (key, value) in [
        ("cloud_init_start", json!(true)),
        ("cloud_init_end", json!("soon")),
        ("cloud_init_duration_seconds", json!(-1)),
        ("cloud_init_duration_seconds", json!("NaN")),
        ("container_start_time", json!([1])),
        ("container_end", json!(1e300)),
        ("container_startup_duration_seconds", json!({})),
    ] {
        let answer = app.call(json(PATH, &json!({key: value, "container_start": 1}))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{key}: {value}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with(key), "{error}");
    }
    for no_object in [json!([]), json!("x"), json!(null), json!(5)] {
        let status = app.call(json(PATH, &no_object)).await.status;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{no_object}");
    }
    assert_eq!(known(&app).await, Startup::default());
}

#[tokio::test]
async fn an_empty_report_is_fine_and_an_unknown_vm_is_not() {
    let app = open().await;
    post(&app, json!({})).await;
    for path in ["/api/vm-metrics/nobody", "/api/vm-metrics/no%20name"] {
        let answer = app.call(json(path, &json!({}))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["error"], "VM not found.");
    }
    assert_eq!(app.call(get(PATH)).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
