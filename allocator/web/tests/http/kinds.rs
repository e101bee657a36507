//! Operations of any kind on the pages and as JSON: a kind of the tests, of which no page knows.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use lablink_core::{
    operations::{self, Ask, Kind, OperationId, Reboot},
    tasks::Driver,
    worker::{Attempt, Ended, Runner, Runners, Trouble, Turn},
};
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use crate::app::{App, With, form, get, kinds};

const ONE: &str = "lablink-vm-test-1";

/// Says hello to VMs.
#[derive(Serialize, Deserialize)]
struct Greet {
    hostnames: Vec<Hostname>,
}

impl Kind for Greet {
    const WORD: &'static str = "greet";
    const NAME: &'static str = "Greet";

    fn title(&self) -> String {
        "Greet <everybody>".to_owned()
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(60)
    }
}

struct Greets;

impl Runner<Greet> for Greets {
    type Left = ();

    async fn attempt(&self, _job: &Greet, _turn: &mut Turn) -> Result<Attempt<()>, Trouble> {
        Ok(Ended::Succeeded.into())
    }
}

async fn asked(app: &App, wish: impl FnOnce(Ask) -> Ask) -> OperationId {
    let greet = Ask::of(&Greet { hostnames: vec![ONE.parse().unwrap()] });
    operations::ask(&app.scope(), &wish(greet)).await.unwrap()
}

async fn ended(app: &App, id: OperationId) -> serde_json::Value {
    loop {
        let told = app.call(get(&format!("/api/operations/{id}")).by_admin()).await.json();
        if !told["finished_at"].is_null() {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_operation_is_approved_or_rejected_once_and_by_name() {
    let app = App::with_running(1).await;
    let ids = [asked(&app, Ask::once_approved).await, asked(&app, Ask::once_approved).await];
    let path = |id: OperationId, verb: &str| format!("/api/operations/{id}/{verb}");
    let page = |id: OperationId| get(&format!("/admin/operations/{id}")).by_browser().by_admin();
    let waiting = app.call(page(ids[0])).await.body;
    for key in ["Greet &#60;everybody&#62;", "Awaits approval", "/approve\"", "/reject\""] {
        assert!(waiting.contains(key), "{key}");
    }
    let filtered = app.call(get("/api/operations?state=awaiting_approval").by_admin()).await;
    assert_eq!(filtered.json()["operations"].as_array().unwrap().len(), 2);

    let approved = app.call(form(&path(ids[0], "approve"), "").by_admin()).await;
    assert_eq!(approved.status, StatusCode::ACCEPTED);
    assert_eq!(approved.json()["operation_id"], i64::from(ids[0]));
    let rejected = app.call(form(&path(ids[1], "reject"), "").by_browser().by_admin()).await;
    assert_eq!(rejected.header("location"), format!("/admin/operations/{}", ids[1]));
    for (id, verb) in [(ids[0], "approve"), (ids[0], "reject"), (ids[1], "approve")] {
        let again = app.call(form(&path(id, verb), "").by_admin()).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        assert_eq!(again.json()["code"], "not_awaiting_approval");
    }
    let missing = app.call(form(&path(99.into(), "approve"), "").by_admin()).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let nobody = app.call(form(&path(ids[0], "approve"), "")).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);

    let told = app.call(get(&format!("/api/operations/{}", ids[1])).by_admin()).await.json();
    assert_eq!(
        (&told["state"], &told["decided_by"]),
        (&"cancelled".into(), &"admin:teacher".into())
    );
    let told = app.call(page(ids[0])).await.body;
    assert!(told.contains("Approved by") && told.contains("teacher"));
    let history = app.call(get("/api/events").by_admin()).await.body;
    assert!(history.contains("operation.approved") && history.contains("operation.rejected"));
}

#[tokio::test]
async fn a_kind_of_which_no_page_knows_is_shown_listed_and_carried_out() {
    let app = App::with_running(1).await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let first = asked(&app, |greet| greet).await;
    let then = asked(&app, |greet| greet.after(first).part_of(first)).await;
    let late = asked(&app, |greet| greet.not_before(later)).await;
    let told = app.call(get(&format!("/api/operations/{then}")).by_admin()).await.json();
    assert_eq!(told["title"], "Greet <everybody>");
    assert_eq!((&told["kind"], &told["after"]), (&"greet".into(), &i64::from(first).into()));
    assert_eq!((&told["parent"], &told["lane"]), (&i64::from(first).into(), &"machines".into()));
    assert_eq!(told["targets"][0]["hostname"], ONE);
    assert_eq!(told["targets"][0]["standing"], "included");
    assert!(told["steps"].as_array().unwrap().is_empty());
    let page = |id: OperationId| get(&format!("/admin/operations/{id}")).by_browser().by_admin();
    let shown = app.call(page(then)).await.body;
    for key in ["Part of", "First", ONE, "Waits for the operation before it"] {
        assert!(shown.contains(key), "{key}");
    }
    assert!(app.call(page(late)).await.body.contains("Waits for its time"));

    let app = app.with_worker(Runners::default().with::<Greet>(&Arc::new(Greets)));
    let told = ended(&app, then).await;
    assert_eq!((&told["state"], &told["attempts"]), (&"succeeded".into(), &1.into()));
    assert!(told["deadline"].is_string());
    let list = app.call(get("/admin/operations").by_browser().by_admin()).await.body;
    assert!(list.contains("Greet &#60;everybody&#62;"));
    let cancelled = app.call(form(&format!("/api/operations/{late}/cancel"), "").by_admin()).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED, "the page knows no such kind");
}

/// Ends as its words say.
struct Reboots(Result<(), &'static str>);

impl Runner<Reboot> for Reboots {
    type Left = ();

    async fn attempt(&self, _job: &Reboot, _turn: &mut Turn) -> Result<Attempt<()>, Trouble> {
        Ok(match self.0 {
            Ok(()) => Ended::Succeeded,
            Err(reason) => Ended::failed(reason),
        }
        .into())
    }
}

#[tokio::test]
async fn a_reboot_is_an_operation_whose_end_a_program_is_told() {
    let path = format!("/api/vms/{ONE}/reboot");
    let (good, bad) = (Reboots(Ok(())), Reboots(Err("It has no folder.")));
    let runners = Runners::default().with::<Reboot>(&Arc::new(good));
    let app = App::with_running(1).await.with_worker(runners);
    let answer = app.call(form(&path, "").by_admin()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["message"], "VM reboots.");
    let id = answer.json()["operation_id"].as_i64().unwrap();
    let browser = app.call(form(&path, "").by_browser().by_admin()).await;
    assert_eq!(browser.header("location"), format!("/admin/operations/{}", id + 1));
    let told = app.call(get(&format!("/api/operations/{id}")).by_admin()).await.json();
    assert_eq!(told["title"], format!("Reboot {ONE}"));

    let runners = Runners::default().with::<Reboot>(&Arc::new(bad));
    let app = App::with_running(1).await.with_worker(runners);
    let answer = app.call(form(&path, "").by_admin()).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["code"], "reboot_failed");
    assert!(answer.body.contains("It has no folder."));
    for source in ["aws", "manual"] {
        app.sql(&format!("update vm set source = '{source}'")).await;
        let answer = app.call(form(&path, "").by_admin()).await;
        assert_eq!(answer.json()["code"], "no_reboot", "{}", answer.body);
    }
    let missing = app.call(form("/api/vms/nobody/reboot", "").by_admin()).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_the_allocator_does_by_itself_is_on_a_page_and_in_the_metrics() {
    let app = App::with_running(0).await;
    let mut driver = Driver::default();
    let every = Duration::from_secs(3600);
    driver.begin("counting", "Counts <things>.", every, || async { Ok(3) });
    driver.begin("breaking down", "Breaks down.", every, || async { panic!("as a fault would") });
    let board = driver.board();
    while board.tasks().iter().any(|task| task.runs == 0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let app = app.tending(board);
    let page = app.call(get("/admin/tasks").by_browser().by_admin()).await.body;
    for key in
        ["counting", "Counts &#60;things&#62;.", "Did 3.", "breaking down", "Fails", "1 of 1"]
    {
        assert!(page.contains(key), "{key}");
    }
    let log = app.call(get("/admin/log").by_browser().by_admin()).await.body;
    assert!(log.contains(r#"href="/admin/tasks""#));
    assert_eq!(app.call(get("/admin/tasks")).await.status, StatusCode::UNAUTHORIZED);
    let metrics = app.call(get("/metrics")).await.body;
    for line in [
        r#"lablink_task_runs_total{task="counting",result="succeeded"} 1"#,
        r#"lablink_task_runs_total{task="breaking down",result="failed"} 1"#,
        r#"lablink_task_failing{task="counting"} 0"#,
        r#"lablink_task_failing{task="breaking down"} 1"#,
        r#"lablink_task_last_run_timestamp_seconds{task="counting"}"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let list = app.call(get("/admin/operations").by_browser().by_admin()).await.body;
    for (_, name) in kinds().names() {
        assert!(list.contains(&format!(">{name}</option>")), "{name}");
    }
}
