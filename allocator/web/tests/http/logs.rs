//! Logs from the forwarder to the reader, through the whole router.

use std::{io::Write, time::Duration};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use flate2::{Compression, write::GzEncoder};
use futures_util::StreamExt;
use lablink_web::AgentAuth;
use serde_json::{Value, json};

use crate::app::{Answer, App, LOG_TOKEN, With, get, json};

const VM: &str = "lablink-vm-test-1";

fn batch(messages: Value) -> Value {
    json!({"log_group": "lablink-cloud-init-test", "log_stream": VM, "messages": messages})
}

fn forwarded(body: &Value) -> Request<Body> {
    json("/api/vm-logs", body).with("authorization", &format!("Bearer {LOG_TOKEN}"))
}

async fn forward(app: &App, body: &Value) -> Answer {
    app.call(forwarded(body)).await
}

async fn logs(app: &App) -> Answer {
    app.call(get(&format!("/api/vm-logs/{VM}")).by_admin()).await
}

async fn lines(app: &App, query: &str) -> Vec<String> {
    let path = format!("/api/vm-logs/{VM}?{query}");
    let answer = app.call(get(&path).by_admin()).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
    let lines = answer.json()["lines"].as_array().unwrap().clone();
    lines.iter().map(|line| line["line"].as_str().unwrap().to_owned()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn packed(body: Vec<u8>) -> Request<Body> {
    Request::post("/api/vm-logs")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip")
        .header(header::AUTHORIZATION, format!("Bearer {LOG_TOKEN}"))
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn logs_are_posted_and_read_in_the_originals_words() {
    let app = App::with_running_on_aws(1).await;
    assert_eq!(logs(&app).await.json(), json!({"hostname": VM, "logs": null}));
    let answer = forward(&app, &batch(json!(["one", "\u{1b}[31mtwo\u{1b}[0m \"<b>\""]))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), json!({"message": "VM logs posted successfully."}));
    forward(&app, &batch(json!(["three"]))).await;
    let read = logs(&app).await;
    assert_eq!(read.header("content-type"), "application/json");
    let whole = "one\n\u{1b}[31mtwo\u{1b}[0m \"<b>\"\nthree";
    assert_eq!(read.json(), json!({"hostname": VM, "logs": whole}));
}

#[tokio::test]
async fn what_is_missing_is_told_in_the_originals_words() {
    let app = App::with_running_on_aws(1).await;
    for missing in [
        json!({}),
        json!({"log_group": "g", "log_stream": VM}),
        json!({"log_group": "g", "log_stream": VM, "messages": []}),
        json!({"log_group": "g", "messages": ["x"]}),
        json!({"log_group": "", "log_stream": VM, "messages": ["x"]}),
    ] {
        let answer = forward(&app, &missing).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{missing}");
        assert_eq!(answer.json()["error"], "Log group, stream, and messages are required.");
    }
    for stranger in ["nobody", "no host name", "../x"] {
        let body = json!({"log_group": "g", "log_stream": stranger, "messages": ["x"]});
        let answer = forward(&app, &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{stranger}");
        assert_eq!(answer.json()["error"], "VM not found.");
        let path = format!("/api/vm-logs/{}", stranger.replace(' ', "%20").replace('/', "%2F"));
        assert_eq!(app.call(get(&path).by_admin()).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_starting_vm_without_logs_says_that_it_installs_its_agent() {
    let app = App::with_running(0).await;
    app.launch(1).await;
    let answer = logs(&app).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["error"], "VM is installing CloudWatch agent.");
    app.sql("update vm set source = 'aws'").await;
    forward(&app, &batch(json!(["x"]))).await;
    assert_eq!(logs(&app).await.json()["logs"], "x");
}

#[tokio::test]
async fn a_batch_that_comes_again_is_answered_alike_and_stored_once() {
    let app = App::with_running_on_aws(1).await;
    let mut body = batch(json!(["one", "two\nthree"]));
    body["event_ids"] = json!(["e-1", "e-2"]);
    body["timestamps"] = json!([1_772_355_600_123_i64, null]);
    for _ in 0..3 {
        let answer = forward(&app, &body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::OK, json!({"message": "VM logs posted successfully."}))
        );
    }
    assert_eq!(logs(&app).await.json()["logs"], "one\ntwo\nthree");
    let page = app.call(get(&format!("/api/vm-logs/{VM}?tail=9")).by_admin()).await.json();
    assert_eq!(page["lines"][0]["at"], "2026-03-01T09:00:00.123Z");
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let app = App::with_running_on_aws(1).await;
    for (field, value, says) in [
        ("timestamps", json!([1]), "timestamps: one per message is required; there are 1 for 2"),
        ("event_ids", json!(["a", "b", "c"]), "event_ids: one per message is required"),
        ("event_ids", json!(["a", 5]), "event_ids[1]"),
        ("event_ids", json!(["a", ""]), "event_ids[1]"),
        ("event_ids", json!(["a", "\0"]), "event_ids[1]"),
        ("timestamps", json!([1, i64::MAX]), "timestamps[1]"),
        ("timestamps", json!([1, "2"]), "timestamps[1]"),
        ("messages", json!(["a", 5]), "messages[1]"),
        ("messages", json!("a"), "messages"),
        ("log_stream", json!(5), "log_stream"),
    ] {
        let mut body = batch(json!(["a", "b"]));
        body[field] = value;
        let answer = forward(&app, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(says), "{says}: {error}");
    }
    for path in ["tail=0", "tail=5001", "tail=x", "tail=1&before=2", "since=soon", "search=%00"] {
        let answer = app.call(get(&format!("/api/vm-logs/{VM}?{path}")).by_admin()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let field = path.split('=').next().unwrap();
        assert!(answer.json()["error"].as_str().unwrap().contains(field), "{}", answer.body);
    }
    assert_eq!(logs(&app).await.json()["logs"], Value::Null);
}

#[tokio::test]
async fn odd_bytes_do_not_lose_a_batch() {
    let app = App::with_running_on_aws(1).await;
    let start = format!(r#"{{"log_group":"g","log_stream":"{VM}","messages":["a"#);
    let body = [start.as_bytes(), b"\xff\xfe", br#"b", "half \ud800", "nul \u0000"]}"#].concat();
    let request = Request::post("/api/vm-logs")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {LOG_TOKEN}"))
        .body(Body::from(body))
        .unwrap();
    assert_eq!(app.call(request).await.status, StatusCode::OK);
    let logs = logs(&app).await.json()["logs"].as_str().unwrap().to_owned();
    assert!(logs.starts_with("a\u{fffd}\u{fffd}b\nhalf \u{fffd}") && logs.ends_with("\nnul ␀"));
}

#[tokio::test]
async fn packed_bodies_are_unpacked_up_to_a_limit() {
    let app = App::with_running_on_aws(1).await;
    let line = "x".repeat(1000);
    let large = batch(json!(vec![line.as_str(); 1500])).to_string();
    assert_eq!(app.call(packed(gzip(large.as_bytes()))).await.status, StatusCode::OK);
    assert_eq!(lines(&app, "tail=2000").await.len(), 1500);

    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 1_000_000);
    let answer = app.call(packed(bomb)).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large"))
    );
    for broken in [b"not gzip".to_vec(), gzip(large.as_bytes())[..500].to_vec()] {
        let answer = app.call(packed(broken)).await;
        assert_eq!(answer.json()["code"], "malformed_gzip");
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    let strange = forwarded(&batch(json!(["x"]))).with("content-encoding", "br");
    assert_eq!(app.call(strange).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_batch_may_be_larger_than_other_bodies_but_not_endless() {
    let app = App::with_running_on_aws(1).await;
    let line = "x".repeat(1000);
    let batch_of = |count: usize| batch(json!(vec![line.as_str(); count]));
    assert_eq!(forward(&app, &batch_of(2000)).await.status, StatusCode::OK);
    let answer = forward(&app, &batch_of(2200)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "too_large");
    let many = forward(&app, &batch(json!(vec!["x"; 100_001]))).await;
    assert_eq!(many.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(lines(&app, "tail=5000").await.len(), 2000);
}

#[tokio::test]
async fn the_forwarder_and_the_vms_own_agent_may_write_and_nobody_else() {
    let app = App::with_running_on_aws(2).await;
    let own = app.agent(VM).await;
    let other = app.agent("lablink-vm-test-2").await;
    let body = batch(json!(["x"]));
    let post = |credential: &str| json("/api/vm-logs", &body).with("authorization", credential);
    assert_eq!(app.call(post(&own)).await.status, StatusCode::OK);
    assert_eq!(app.call(post(&other)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.call(post("Bearer wrong")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.call(json("/api/vm-logs", &body)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        app.call(json("/api/vm-logs", &body).by_admin()).await.status,
        StatusCode::FORBIDDEN
    );

    let forwarder = format!("Bearer {LOG_TOKEN}");
    let path = format!("/api/vm-logs/{VM}");
    for path in [path.as_str(), "/api/vm-status", "/admin"] {
        let answer = app.call(get(path).with("authorization", &forwarder)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} to the forwarder");
    }
    assert_eq!(app.call(get(&path)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.call(get(&path).with("authorization", &own)).await.status, StatusCode::OK);
    assert_eq!(
        app.call(get(&path).with("authorization", &other)).await.status,
        StatusCode::FORBIDDEN
    );

    let open = App::new(AgentAuth::Open).await;
    open.launch(1).await;
    assert_eq!(open.call(json("/api/vm-logs", &body)).await.status, StatusCode::OK);
    assert_eq!(open.call(get(&path)).await.json()["logs"], "x");
}

#[tokio::test]
async fn the_forwarder_writes_for_vms_of_the_log_group_and_for_no_other() {
    for (auth, taken) in
        [(AgentAuth::Required, &["aws"][..]), (AgentAuth::Open, &["aws", "unknown"][..])]
    {
        let app = App::new(auth).await;
        app.launch(1).await;
        for source in ["aws", "unknown", "local", "manual"] {
            app.sql(&format!("update vm set source = '{source}'")).await;
            app.sql("delete from log_line").await;
            let answer = forward(&app, &batch(json!(["forged"]))).await;
            if taken.contains(&source) {
                assert_eq!(answer.status, StatusCode::OK, "{source}: {}", answer.body);
                continue;
            }
            // The forwarder drops what gets this, and sends it once.
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{source}");
            assert_eq!(answer.json()["code"], "not_forwarded");
            assert_eq!(logs(&app).await.json()["logs"], Value::Null, "{source}");
            let own = app.agent(VM).await;
            let own = json("/api/vm-logs", &batch(json!(["x"]))).with("authorization", &own);
            assert_eq!(app.call(own).await.status, StatusCode::OK, "{source}");
        }
    }
}

#[tokio::test]
async fn a_log_is_read_by_tail_by_page_by_time_and_by_search() {
    let app = App::with_running_on_aws(1).await;
    let messages: Vec<String> = (1..=9).map(|nr| format!("Line {nr}")).collect();
    let mut body = batch(json!(messages));
    body["timestamps"] = (1..=9).map(|nr| json!(1_772_355_600_000_i64 + nr * 1000)).collect();
    forward(&app, &body).await;
    let path = format!("/api/vm-logs/{VM}?tail=3");
    let tail = app.call(get(&path).by_admin()).await.json();
    assert_eq!(tail["hostname"], VM);
    assert_eq!(tail["lines"][0]["line"], "Line 7");
    assert_eq!(tail["lines"][0]["id"], tail["before"]);
    assert_eq!(
        lines(&app, &format!("before={}&limit=2", tail["before"])).await,
        ["Line 5", "Line 6"]
    );
    assert_eq!(lines(&app, &format!("after={}", tail["before"])).await, ["Line 8", "Line 9"]);
    assert_eq!(lines(&app, &format!("after={}", tail["after"])).await.len(), 0);
    for since in ["1772355608", "1772355607.5", "2026-03-01T09:00:08Z"] {
        assert_eq!(lines(&app, &format!("since={since}")).await, ["Line 8", "Line 9"], "{since}");
    }
    assert_eq!(lines(&app, "search=lINE%204").await, ["Line 4"]);
    assert_eq!(lines(&app, "search=%25").await.len(), 0);
}

/// Reads a stream until it holds `text`.
async fn heard(
    stream: &mut (impl StreamExt<Item = Result<axum::body::Bytes, axum::Error>> + Unpin),
    text: &str,
) -> String {
    let mut heard = String::new();
    while !heard.contains(text) {
        let piece = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
        heard.push_str(&String::from_utf8_lossy(&piece.unwrap().unwrap().unwrap()));
    }
    heard
}

#[tokio::test]
async fn a_viewer_sees_new_lines_within_a_second_and_goes_on_after_a_break() {
    let app = App::with_running_on_aws(1).await;
    forward(&app, &batch(json!(["before"]))).await;
    let path = format!("/api/vm-logs/{VM}/events");
    let mut live = app.send(get(&path).by_admin()).await.into_body().into_data_stream();
    forward(&app, &batch(json!(["first \u{1b}[31m<b>"]))).await;
    let start = tokio::time::Instant::now();
    let event = heard(&mut live, "\n\n").await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(event.contains(r#""line":"first"#) && !event.contains("before"), "{event}");
    let id = event.split("id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    drop(live);

    forward(&app, &batch(json!(["second"]))).await;
    let again = get(&path).by_admin().with("last-event-id", &id);
    let mut live = app.send(again).await.into_body().into_data_stream();
    let event = heard(&mut live, "second").await;
    assert!(!event.contains("first"));

    let page = format!("/admin/logs/{VM}/events?after={id}");
    let mut live = app.send(get(&page).by_admin()).await.into_body().into_data_stream();
    assert!(heard(&mut live, "second").await.contains("<li id="));
    app.shutdown.cancel();
    let end = tokio::time::timeout(Duration::from_secs(5), live.next()).await;
    assert!(end.unwrap().is_none(), "it ends with the process");
}

#[tokio::test]
async fn the_page_shows_the_end_and_leads_to_the_rest() {
    let app = App::with_running(1).await;
    let empty = app.call(get(&format!("/admin/logs/{VM}")).by_browser().by_admin()).await;
    assert!(empty.body.contains("No lines yet") && empty.body.contains("agent.log"));
    app.sql("update vm set source = 'aws'").await;
    let messages: Vec<String> = (0..1200).map(|nr| format!("<script>{nr}</script>")).collect();
    forward(&app, &batch(json!(messages))).await;
    forward(&app, &batch(json!(["boot[ERROR]: \u{1b}[31mred"]))).await;
    let page = app.call(get(&format!("/admin/logs/{VM}")).by_browser().by_admin()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("<script>") || page.body.matches("<script>").count() == 0);
    assert!(page.body.contains("&#60;script&#62;1199&#60;/script&#62;"));
    assert!(!page.body.contains(";700&#60;"), "older lines are on a page of their own");
    assert!(
        page.body.contains(r#"<span class="fg-1">red</span>"#)
            && page.body.contains("class=\"error\"")
    );
    assert!(!page.body.contains("style=") && !page.body.contains("No lines yet"));

    let earlier = page.body.split(r#"id="earlier" href=""#).nth(1).unwrap();
    let earlier = earlier.split('"').next().unwrap().replace("&#38;", "&");
    let older = app.call(get(&earlier).by_browser().by_admin()).await;
    assert!(older.body.contains(";700&#60;") && older.body.contains("Newest lines"));
    let found = app.call(get(&format!("/admin/logs/{VM}?search=%3Escript")).by_admin()).await;
    assert!(found.body.contains("Nothing found"));
    let found = app.call(get(&format!("/admin/logs/{VM}?search=%3E11%3C")).by_admin()).await;
    assert_eq!(found.body.matches("<li id=").count(), 1);
    let strange = app.call(get("/admin/logs/nobody").by_admin()).await;
    assert_eq!(
        (strange.status, &strange.json()["error"]),
        (StatusCode::NOT_FOUND, &json!("VM not found."))
    );
    let vm = app.call(get(&format!("/admin/vms/{VM}")).by_browser().by_admin()).await;
    assert!(vm.body.contains(&format!("href=\"/admin/logs/{VM}\"")));
}

#[tokio::test]
async fn an_empty_log_says_who_is_to_send_it() {
    let app = App::with_running_on_aws(1).await;
    let page = async |app: &App| {
        let page = get(&format!("/admin/logs/{VM}")).by_browser().by_admin();
        app.call(page).await.body
    };
    assert!(page(&app).await.contains("come through the log forwarder"));
    let app = app.with_logs_sent_directly();
    let told = page(&app).await;
    assert!(told.contains("Its agent sends them") && !told.contains("forwarder"), "{told}");
    app.sql("update vm set status = 'initializing'").await;
    assert!(page(&app).await.contains("It sends its log itself"));
}

#[tokio::test]
async fn the_whole_log_is_downloaded_as_text() {
    let app = App::with_running_on_aws(1).await;
    let path = format!("/admin/logs/{VM}/download");
    assert_eq!(app.call(get(&path).by_admin()).await.body, "");
    let messages: Vec<String> = (0..2500).map(|nr| format!("line {nr}")).collect();
    forward(&app, &batch(json!(messages))).await;
    let file = app.call(get(&path).by_admin()).await;
    assert_eq!(file.body, messages.join("\n") + "\n");
    assert!(file.header("content-type").starts_with("text/plain"));
    let disposition = file.header("content-disposition");
    assert!(
        disposition.starts_with(&format!("attachment; filename=\"{VM}_logs_2")),
        "{disposition}"
    );
    assert_eq!(logs(&app).await.json()["logs"], messages.join("\n"));
}

#[tokio::test]
async fn errors_alone_are_looked_for_in_a_part_of_the_log() {
    let app = App::with_running_on_aws(1).await;
    app.sql(
        "insert into log_line (vm_id, at, line)
         select vm.id, now(), case when n % 10 = 0 then 'app[ERROR]: no. ' || n else 'line ' || n end
         from vm, generate_series(1, 9000) as n",
    )
    .await;
    let page = async |path: &str| {
        let answer = app.call(get(path).by_browser().by_admin()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    };
    let earlier = |html: &str| {
        let path = html.split("id=\"earlier\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        path.replace("&#38;", "&")
    };
    let newest = page("/admin/logs/lablink-vm-test-1?level=error").await;
    assert!(newest.contains("no. 9000<") && newest.contains("no. 4010<"));
    assert!(!newest.contains("no. 4000<") && !newest.contains("line "), "5,000 lines are read");
    let older = page(&earlier(&newest)).await;
    assert!(older.contains("no. 4000<") && older.contains("no. 10<") && !older.contains("4010<"));
    let found = page("/admin/logs/lablink-vm-test-1?level=error&search=no.+20").await;
    assert!(found.contains("20</mark>") && !found.contains("no. 3000"));
    let odd = app.call(get("/admin/logs/lablink-vm-test-1?level=odd").by_admin()).await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
}
