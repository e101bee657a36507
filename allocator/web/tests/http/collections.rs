//! Results: collected by an operation or at once, kept, downloaded, discarded.

use std::time::{Duration, Instant};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::StreamExt;
use lablink_core::{
    collections::{self, Collect, Collected, Kept},
    operations::{self, OperationId, OperationState, Outcome},
};
use lablink_web::AgentAuth;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    app::{App, With, form, get, json as post_json, kinds},
    collector::Gives,
};

pub const ONE: &str = "lablink-vm-test-1";
pub const TWO: &str = "lablink-vm-test-2";

pub async fn finish(app: &App, state: OperationState) -> OperationId {
    let taken = operations::take(&app.scope(), "test", &kinds()).await.unwrap().unwrap();
    let outcome = Outcome { state, exit_code: None, reason: Some("Told <plainly>.".to_owned()) };
    taken.lease.finish(&outcome).await.unwrap();
    taken.operation.id
}

/// Two VMs and a collection that brought an archive of ten bytes, all of the first VM's results,
/// and none of the second's.
pub async fn with_an_archive() -> (App, OperationId) {
    let app = App::with_running(2).await;
    finish(&app, OperationState::Succeeded).await;
    let answer = app.call(post_json("/api/collections", &json!({})).by_admin()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let id: OperationId = answer.json()["operation_id"].as_i64().unwrap().into();
    assert_eq!(answer.header("location"), format!("/api/operations/{id}"));
    let vm = |hostname: &str, failure: Option<&str>| Collected {
        hostname: hostname.parse().unwrap(),
        files: 2,
        bytes: 10,
        unread: 0,
        skipped: i64::from(failure.is_none()),
        skipped_what: failure.is_none().then(|| "results (a link to the folder /disk)".to_owned()),
        seconds: 0.1,
        failure: failure.map(str::to_owned),
    };
    let vms = [vm(ONE, None), vm(TWO, Some("<b>No answer.</b>"))];
    let kept = Kept {
        file_name: "lablink_data20261121_174504.zip".to_owned(),
        size: 10,
        kept_by: "alloc-2".to_owned(),
    };
    collections::record(&app.scope(), id, &vms, Some(&kept)).await.unwrap();
    finish(&app, OperationState::Failed).await;
    app.collector.keep(id, "0123456789");
    (app, id)
}

/// What is noted when an answer has ended is there soon after it.
pub async fn eventually(app: &App, query: &str, expected: &str) {
    let start = Instant::now();
    loop {
        let found = app.text(query).await;
        if found == expected {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{query}: {found}, not {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn archive(id: OperationId) -> Request<Body> {
    get(&format!("/api/collections/{id}/download")).by_admin()
}

#[tokio::test]
async fn a_script_gets_all_results_in_one_call_as_from_the_original() {
    let app = App::with_running(2).await;
    let answer = app.call(get("/api/scp-client").by_admin()).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "PK..."));
    assert_eq!(answer.header("content-type"), "application/zip");
    let disposition = "attachment; filename=lablink_data20261121_174504.zip";
    assert_eq!(answer.header("content-disposition"), disposition);
    let some = format!("/api/scp-client?extension=.tar.gz&hostname={TWO}&hostname={ONE}");
    app.call(get(&some).by_admin()).await;
    let one = format!("/api/scp-client?hostname={TWO}");
    app.call(get(&one).by_admin()).await;
    let asked: Vec<(String, usize)> = app
        .collector
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|wish| (wish.extension.to_string(), wish.hostnames.as_ref().unwrap().len()))
        .collect();
    let asked: Vec<_> = asked.iter().map(|(extension, vms)| (extension.as_str(), *vms)).collect();
    assert_eq!(asked, [("slp", 2), ("tar.gz", 2), ("slp", 1)]);
    let downloads = "select count(*)::text from event where kind = 'results.downloaded'";
    eventually(&app, downloads, "3").await;
    let events = app.call(get("/api/events").by_admin()).await.json();
    assert_eq!(events["events"][0]["kind"], "results.downloaded");
    assert_eq!(events["events"][0]["actor"], "admin:teacher");
}

#[tokio::test]
async fn what_can_not_be_given_is_told_in_the_originals_words() {
    let app = App::new(AgentAuth::Required).await;
    let error = async |path: &str| {
        let answer = app.call(get(path).by_admin()).await;
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    let (status, told) = error("/api/scp-client").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(told, "No VMs found in the database.");
    app.launch(1).await;
    *app.collector.gives.lock().unwrap() = Gives::NoFiles;
    let (status, told) = error("/api/scp-client?extension=h5").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(told, "No h5 files found in any VMs.");
    *app.collector.gives.lock().unwrap() = Gives::OutOfReach;
    let (status, told) = error("/api/scp-client").await;
    assert_eq!((status, told.contains("desk is off.")), (StatusCode::NOT_FOUND, true));
    let (status, told) = error("/api/scp-client?hostname=nobody").await;
    assert_eq!((status, told.contains("nobody")), (StatusCode::NOT_FOUND, true));
    for bad in ["extension=%2A", "extension=..%2Fx", "hostname=a%20b"] {
        let (status, told) = error(&format!("/api/scp-client?{bad}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}: {told}");
    }
}

#[tokio::test]
async fn an_archive_that_breaks_off_is_no_whole_answer() {
    let app = App::with_running(1).await;
    *app.collector.gives.lock().unwrap() = Gives::Half;
    let answer = app.send(get("/api/scp-client").by_admin()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(axum::body::to_bytes(answer.into_body(), usize::MAX).await.is_err());
}

#[tokio::test]
async fn a_collection_is_of_the_vms_and_files_that_were_asked_for() {
    let app = App::with_running(2).await;
    let wish = json!({"hostnames": [TWO], "extension": ".h5"});
    let answer = app.call(post_json("/api/collections", &wish).by_admin()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let body = format!("hostnames={ONE}&hostnames={TWO}&extension=");
    let sent = app.call(form("/api/collections", &body).by_browser().by_admin()).await;
    assert_eq!(sent.header("location"), "/admin/operations/3");
    let listed = app.call(get("/api/collections").by_admin()).await.json();
    let told: Vec<_> = listed["collections"].as_array().unwrap().iter().collect();
    assert_eq!((&told[0]["extension"], &told[1]["extension"]), (&json!("slp"), &json!("h5")));
    assert_eq!(told[1]["archive"], json!(null));
    let asked = operations::find(&app.scope(), 3.into()).await.unwrap().unwrap();
    assert_eq!(asked.job::<Collect>().unwrap().unwrap().hostnames.len(), 2);

    let none =
        app.call(post_json("/api/collections", &json!({"hostnames": ["nobody"]})).by_admin());
    assert_eq!(none.await.status, StatusCode::NOT_FOUND);
    let body = format!("hostnames={TWO}&extension=%3Cb%3E");
    let wrong = app.call(form("/api/collections", &body).by_browser().by_admin()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for key in
        ["Nothing was collected", r#"value="&#60;b&#62;""#, &format!(r#"value="{TWO}" checked"#)]
    {
        assert!(wrong.body.contains(key), "{key}");
    }
}

#[tokio::test]
async fn the_page_offers_the_archive_and_to_collect_again_what_failed() {
    let (app, id) = with_an_archive().await;
    let page = app.call(get("/admin/results").by_browser().by_admin()).await.body;
    let download = format!(r#"href="/api/collections/{id}/download""#);
    for key in [
        download.as_str(),
        "10 B",
        "nobody has downloaded it",
        "&#60;b&#62;No answer.&#60;/b&#62;",
        "Told &#60;plainly&#62;.",
        "Collect again from 1 VM",
        "last collected",
        "never collected",
    ] {
        assert!(page.contains(key), "{key}");
    }
    let operation = format!("/admin/operations/{id}");
    let page = app.call(get(&operation).by_browser().by_admin()).await.body;
    assert!(page.contains(&download) && page.contains("Collect again from 1 VM"));
    let retry = form(&format!("/api/operations/{id}/retry"), "").by_admin();
    let again = app.call(retry).await.json()["operation_id"].as_i64().unwrap();
    let again = app.call(get(&format!("/api/operations/{again}")).by_admin()).await.json();
    assert_eq!((&again["kind"], &again["hostnames"]), (&json!("collect"), &json!([TWO])));
}

#[tokio::test]
async fn an_archive_is_downloaded_whole_or_from_where_it_was_cut_off() {
    let (app, id) = with_an_archive().await;
    let whole = app.call(archive(id)).await;
    assert_eq!((whole.status, whole.body.as_str()), (StatusCode::OK, "0123456789"));
    assert_eq!(whole.header("content-length"), "10");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-type"), "application/zip");
    let disposition = "attachment; filename=lablink_data20261121_174504.zip";
    assert_eq!(whole.header("content-disposition"), disposition);
    let etag = whole.header("etag");
    assert!(etag.starts_with('"'), "a strong one: {etag}");

    let part = |condition: &str| archive(id).with("range", "bytes=4-").with("if-range", condition);
    let rest = app.call(part(etag)).await;
    assert_eq!((rest.status, rest.body.as_str()), (StatusCode::PARTIAL_CONTENT, "456789"));
    assert_eq!(rest.header("content-range"), "bytes 4-9/10");
    let dated = app.call(part(whole.header("last-modified"))).await;
    assert_eq!(dated.status, StatusCode::PARTIAL_CONTENT);
    let another = app.call(part("\"of another file\"")).await;
    assert_eq!((another.status, another.body.as_str()), (StatusCode::OK, "0123456789"));
    let beyond = app.call(archive(id).with("range", "bytes=99-")).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert!(beyond.body.contains("shorter than the range"));
    let (mut parts, body) = archive(id).into_parts();
    parts.method = axum::http::Method::HEAD;
    let head = app.call(Request::from_parts(parts, body)).await;
    assert_eq!((head.header("content-length"), head.body.as_str()), ("10", ""));

    let downloads = "select count(*)::text from event where kind = 'results.downloaded'";
    eventually(&app, downloads, "2").await;
    let told = app.call(get("/api/collections").by_admin()).await.json();
    assert!(told["collections"][0]["archive"]["downloaded_at"].is_string());
}

#[tokio::test]
async fn an_archive_that_is_not_here_says_where_it_is_or_that_it_is_gone() {
    let (app, id) = with_an_archive().await;
    let discard = || form(&format!("/api/collections/{id}/discard"), "").by_admin();
    let discarded = app.call(discard().by_browser()).await;
    assert_eq!(discarded.header("location"), "/admin/results");
    for gone in [app.call(archive(id)).await, app.call(discard()).await] {
        assert_eq!(gone.status, StatusCode::GONE);
        assert!(gone.body.contains("was removed at"), "{}", gone.body);
    }
    app.sql("update collection set removed_at = null").await;
    for elsewhere in [app.call(archive(id)).await, app.call(discard()).await] {
        assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
        assert!(elsewhere.body.contains("alloc-2"), "{}", elsewhere.body);
    }
    let page = app.call(get("/admin/results").by_browser().by_admin()).await.body;
    assert!(page.contains("on the allocator <b>alloc-2</b>") && !page.contains("/download\""));
    app.sql("delete from collection").await;
    let none = app.call(archive(id)).await;
    assert_eq!((none.status, &none.json()["code"]), (StatusCode::CONFLICT, &json!("no_archive")));
    assert_eq!(app.call(archive(99.into())).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn full_pages_stay_small() {
    let app = App::with_running(130).await;
    app.sql(
        "insert into claim (pool_id, vm_id, email, crd_code, pin)
         select pool_id, id, 'a.participant.with.a.name' || number || '@students.example.org', 'x', '1'
         from vm;
         update vm set claim_id = claim.id from claim where claim.vm_id = vm.id;
         insert into operation (pool_id, kind, payload, actor, state, reason)
         select (select id from pool), 'collect', '{\"hostnames\": [], \"extension\": \"slp\"}',
                'admin:teacher', 'failed', repeat('One VM did not answer. ', 5)
         from generate_series(1, 20);
         insert into collection (operation_id, file_name, size, kept_by)
         select id, 'x.zip', 1, 'x' from operation where kind = 'collect';
         insert into collection_vm (operation_id, vm_id, files, bytes, unread, seconds, failure)
         select operation.id, vm.id, 1000, 1000000, 0, 1, case when vm.number % 2 = 0 then
             'It did not answer within 10 s: is it running, and may SSH reach it?' end
         from vm, operation where kind = 'collect'",
    )
    .await;
    for path in ["/admin/results", "/admin/instances/delete"] {
        let page = app.call(get(path).by_browser().by_admin()).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        assert!(page.body.len() < 50_000, "{path} has {} bytes", page.body.len());
    }
    let last = "/admin/results?hostnames=lablink-vm-test-130";
    let last = app.call(get(last).by_browser().by_admin()).await.body;
    assert!(last.contains(r#"value="lablink-vm-test-130" checked"#), "in sight though it is last");
    let first = app.call(get("/admin/results").by_browser().by_admin()).await.body;
    assert!(first.contains("on all its pages: 130.") && first.contains("124 more are listed"));
    let older = first.split("href=\"/admin/results?").nth(1).unwrap().split('"').next().unwrap();
    let older = app.call(get(&format!("/admin/results?{older}")).by_browser().by_admin()).await;
    assert!(older.body.contains("collection-16\"") || older.body.contains("collection-17\""));
}

#[tokio::test]
async fn whoever_waits_for_a_long_collection_is_kept_waiting_by_signs_of_life() {
    let app = App::with_running(1).await;
    finish(&app, OperationState::Succeeded).await;
    let patience = Duration::from_secs(60);
    let asked = app.send(post_json("/api/collections?wait=true", &json!({})).by_admin());
    let answer = timeout(patience, asked).await.expect("it begins before the end is there");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let mut body = answer.into_body().into_data_stream();
    let first = timeout(patience, body.next()).await.expect("it is never silent");
    assert_eq!(first.unwrap().unwrap(), " ");
    let id = finish(&app, OperationState::Succeeded).await;
    let mut received = Vec::new();
    while let Some(piece) = timeout(patience, body.next()).await.unwrap() {
        received.extend(piece.unwrap());
    }
    let told: serde_json::Value = serde_json::from_slice(&received).unwrap();
    assert_eq!((&told["operation_id"], &told["state"]), (&json!(id), &json!("succeeded")));
}
