use jiff::Timestamp;
use lablink_core::{
    startup::{self, Report, Stage, Startup},
    vms::{self, ReportError},
};
use serde_json::{Value, json};

use crate::scene::{Scene, name};

fn seconds(seconds: f64) -> Stage {
    Stage { seconds: Some(seconds), ..Stage::default() }
}

async fn record(scene: &Scene, startup: Startup, other: Value) -> Result<(), ReportError> {
    let Value::Object(other) = other else { panic!("an object") };
    let report = Report { startup, other };
    startup::record(&scene.scope(), &name("lablink-vm-test-1"), &report).await
}

#[tokio::test]
async fn the_total_is_written_once_all_three_stages_are_known() {
    let scene = Scene::with_running(1).await;
    let totals = "select count(total_seconds) from vm_startup";
    let nothing = Startup::default();
    record(&scene, Startup { cloud_init: seconds(40.5), ..nothing }, json!({})).await.unwrap();
    record(&scene, Startup { container: seconds(30.0), ..nothing }, json!({})).await.unwrap();
    assert_eq!(scene.count(totals).await, 0);
    record(&scene, Startup { provisioning: seconds(12.0), ..nothing }, json!({})).await.unwrap();
    assert_eq!(scene.count(totals).await, 1);
    let vm = vms::list(&scene.scope()).await.unwrap().remove(0);
    let known = startup::of_vm(&scene.db, vm.id).await.unwrap();
    assert_eq!(known.total_seconds(), Some(82.5));
    assert_eq!(scene.count("select (total_seconds * 10)::bigint from vm_startup").await, 825);
}

#[tokio::test]
async fn reports_add_to_what_is_known() {
    let scene = Scene::with_running(1).await;
    let vm = vms::list(&scene.scope()).await.unwrap().remove(0);
    assert_eq!(startup::of_vm(&scene.db, vm.id).await.unwrap(), Startup::default());
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    let start = Stage { started_at: at(1000), ..Stage::default() };
    let end = Stage { ended_at: at(1090), ..Stage::default() };
    for (stage, other) in [(start, json!({"a": 1, "b": 1})), (end, json!({"b": 2}))] {
        let startup = Startup { container: stage, ..Startup::default() };
        record(&scene, startup, other).await.unwrap();
    }
    let known = startup::of_vm(&scene.db, vm.id).await.unwrap();
    assert_eq!(
        known.container,
        Stage { started_at: at(1000), ended_at: at(1090), seconds: Some(90.0) }
    );
    let kept = "select count(*) from vm_startup where other = '{\"a\": 1, \"b\": 2}'";
    assert_eq!(scene.count(kept).await, 1);
}

#[tokio::test]
async fn an_unknown_vm_has_no_start() {
    let scene = Scene::new().await;
    let refused = record(&scene, Startup::default(), json!({})).await;
    assert!(matches!(refused, Err(ReportError::NoSuchVm)));
}

#[tokio::test]
async fn unknown_keys_are_bounded_however_they_come() {
    let scene = Scene::with_running(1).await;
    let nothing = Startup::default();
    let many = |report: i64, length: usize| -> Value {
        let keys = (0..10).map(|nr| (format!("k-{report}-{nr}"), json!("x".repeat(length))));
        Value::Object(keys.collect())
    };
    for report in 0..5 {
        record(&scene, nothing, many(report, 10)).await.unwrap();
    }
    let refused = record(&scene, nothing, many(5, 10)).await;
    assert!(matches!(refused, Err(ReportError::TooManyKeys { .. })), "{refused:?}");
    // Those that are there may change, and what is known by a column as well.
    record(&scene, nothing, many(4, 20)).await.unwrap();
    record(&scene, Startup { cloud_init: seconds(1.0), ..nothing }, json!({})).await.unwrap();
    let refused = record(&scene, nothing, many(4, 5_000)).await;
    assert!(matches!(refused, Err(ReportError::TooManyKeys { .. })), "{refused:?}");
    let size = "select length(other::text)::bigint from vm_startup";
    assert!(scene.count(size).await < 3_000);
}
