//! What the page of a participant says when their machine is gone, or another one.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::StreamExt;
use lablink_core::{
    operations::{self, Outcome},
    vms,
};
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json, kinds};

const ADA: &str = "email=ada%40example.org&crd_command=--code%3D4%2Fx";
const VM: &str = "lablink-vm-test-1";

#[derive(Clone, Copy, Debug)]
enum Way {
    Released,
    Destroyed,
    Replaced,
    Forgotten,
    AskedToGo,
    Reset,
}

async fn happens(app: &App, way: Way) {
    let hostname = VM.parse().unwrap();
    match way {
        Way::Released => {
            let release = form(&format!("/api/vms/{VM}/release"), "then=reuse").by_admin();
            assert_eq!(app.call(release).await.status, StatusCode::OK);
        }
        Way::Destroyed => {
            let vm = vms::find(&app.scope(), &hostname).await.unwrap().unwrap();
            vms::remove(&app.scope(), &[vm.id]).await.unwrap();
        }
        Way::Replaced => {
            let scope = app.scope();
            operations::replace(&scope, vec![hostname]).await.unwrap();
            let launch = operations::take(&scope, "worker", &kinds()).await.unwrap().unwrap();
            launch.lease.finish(&Outcome::succeeded()).await.unwrap();
            let replace = operations::take(&scope, "worker", &kinds()).await.unwrap().unwrap();
            replace.lease.begin_anew().await.unwrap();
        }
        Way::Forgotten => {
            app.sql("update vm set source = 'manual'").await;
            let forget = form(&format!("/admin/machines/{VM}/forget"), "").by_browser().by_admin();
            assert_eq!(app.call(forget).await.status, StatusCode::SEE_OTHER);
        }
        Way::AskedToGo => {
            let replace = form(&format!("/api/vms/{VM}/replace"), "").by_admin();
            assert!(app.call(replace).await.status.is_success());
        }
        Way::Reset => {
            app.sql("truncate claim_link; select pg_notify('vm_changed', 'lablink-vm-test-1')")
                .await;
        }
    }
}

#[tokio::test]
async fn the_page_of_whom_a_machine_is_taken_from_is_told_at_once_and_says_what_to_do() {
    for (way, status, says) in [
        (Way::Released, StatusCode::OK, "This machine was released"),
        (Way::Destroyed, StatusCode::OK, "This machine is gone"),
        (Way::Replaced, StatusCode::OK, "This machine is gone"),
        (Way::Forgotten, StatusCode::OK, "This machine was released"),
        (Way::AskedToGo, StatusCode::OK, "Your machine is being removed"),
        (Way::Reset, StatusCode::NOT_FOUND, "This link belongs to no machine"),
    ] {
        let app = App::with_running(1).await;
        let claimed = app.call(form("/api/request_vm", ADA).by_browser()).await;
        let link = claimed.header("location").to_owned();
        let mut told =
            app.send(get(&format!("{link}/events"))).await.into_body().into_data_stream();
        happens(&app, way).await;
        let heard = tokio::time::timeout(Duration::from_secs(5), told.next()).await;
        assert!(heard.is_ok_and(|event| event.is_some()), "{way:?}");
        let page = app.call(get(&link).by_browser()).await;
        assert_eq!(page.status, status, "{way:?}");
        assert!(page.body.contains(says), "{way:?}: {}", page.body);
        assert!(page.body.contains(r#"href="/""#), "the way to another machine");
        let command = || form(&format!("{link}/command"), "crd_command=--code%3D4%2Fy");
        let (browser, program) =
            (app.call(command().by_browser()).await, app.call(command()).await);
        match way {
            Way::Reset => assert_eq!(browser.status, StatusCode::NOT_FOUND),
            Way::AskedToGo => {}
            _ => {
                assert_eq!(browser.header("location"), link, "the page says how it ended");
                assert_eq!(program.json()["code"], "claim_over");
            }
        }
    }
}

#[tokio::test]
async fn a_page_follows_its_claim_to_another_machine() {
    let app = App::with_running(2).await;
    let claimed = app.call(form("/api/request_vm", ADA).by_browser()).await;
    let link = claimed.header("location").to_owned();
    let mut told = app.send(get(&format!("{link}/events"))).await.into_body().into_data_stream();
    let mut heard = async || {
        let event = tokio::time::timeout(Duration::from_secs(5), told.next()).await;
        assert!(event.is_ok_and(|event| event.is_some()));
    };
    let result = |hostname: &str, outcome: &str| {
        let detail = "start-host was killed.";
        let body = json!({"hostname": hostname, "claim_id": 1, "command_no": 1, "outcome": outcome,
                          "detail": detail, "fault": "machine"});
        post_json("/api/agent/claim-result", &body)
    };
    let agent = app.agent(VM).await;
    let answer = app.call(result(VM, "failed").with("authorization", &agent)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    heard().await;
    let page = app.call(get(&link).by_browser()).await.body;
    assert!(page.contains("lablink-vm-test-1</b> could not run your desktop"), "{page}");
    assert!(page.contains("Your machine is getting ready") && page.contains("lablink-vm-test-2"));
    let vm = app.call(get(&format!("/admin/vms/{VM}")).by_browser().by_admin()).await.body;
    assert!(vm.contains("start-host was killed. So nobody gets this machine"), "{vm}");

    let second = app.agent("lablink-vm-test-2").await;
    app.call(result("lablink-vm-test-2", "connected").with("authorization", &second)).await;
    heard().await;
    assert!(app.call(get(&link).by_browser()).await.body.contains("Your machine is ready"));
}
