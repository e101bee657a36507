//! Every form, and every call of a program, that begins something: sent again, it begins nothing and
//! is answered as before.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use futures_util::future::join_all;
use lablink_core::{
    Action,
    operations::{self, Ask, Destroy, OperationState, Outcome, Reboot},
    scope::Key,
    state::{self, Fault},
    worker::{Attempt, Ended, Runner, Runners, Trouble, Turn},
};
use lablink_web::{access_table, begins_table};

use crate::{
    app::{Answer, App, With, form, get, json, kinds},
    aws::with_keys_that_work,
    collections::{finish, with_an_archive},
};

pub const ONE: &str = "lablink-vm-test-1";
pub const ADA: &str = "email=ada%40example.org&crd_command=start-host+--code%3D4%2Fx";
const COMMAND: &str = "crd_command=start-host+--code%3D4%2Fy";

/// Of those who are no people: what their calls tell is the same when it is told again.
const AGENTS: [&str; 1] = ["/api/agent/enrol"];
/// Posts that only listen: what they listen for is in the body.
const LISTEN: [&str; 2] = ["/changes", "/admin/changes"];

struct Restarts;

impl Runner<Reboot> for Restarts {
    type Left = ();

    async fn attempt(&self, _job: &Reboot, _turn: &mut Turn) -> Result<Attempt<()>, Trouble> {
        Ok(Ended::Succeeded.into())
    }
}

async fn awaiting_approval() -> App {
    let app = App::with_running(1).await;
    let hostnames = vec![ONE.parse().unwrap()];
    let destroy = Ask::of(&Destroy { hostnames }).once_approved();
    operations::ask(&app.scope(), &destroy).await.unwrap();
    app
}

async fn claimed() -> (App, String) {
    let app = App::with_running(2).await;
    let claimed = app.call(form("/api/request_vm", ADA).by_browser()).await;
    let link = claimed.header("location").to_owned();
    (app, link)
}

async fn in_line() -> (App, String) {
    let app = App::with_running(1).await;
    app.call(form("/api/request_vm", &ADA.replace("ada", "first"))).await;
    let place = app.call(form("/line", ADA).by_browser()).await.header("location").to_owned();
    (app, place)
}

async fn registered() -> App {
    let app = App::with_running(0).await;
    let desk = form("/api/vms", "hostname=desk").by_admin().with("host", "lab");
    assert_eq!(app.call(desk).await.status, StatusCode::CREATED);
    app
}

async fn failed(fault: Option<Fault>) -> App {
    let app = App::with_running(1).await;
    let taken = operations::take(&app.scope(), "test", &kinds()).await.unwrap().unwrap();
    if let Some(fault) = fault {
        let lacking = [ONE.parse().unwrap()];
        state::record_conflict(&app.scope(), 1.into(), fault, &lacking).await.unwrap();
    }
    let outcome = Outcome { state: OperationState::Failed, exit_code: None, reason: None };
    taken.lease.finish(&outcome).await.unwrap();
    app.sql("update vm set status = 'error'").await;
    app
}

/// A pool in which this route has something to do; its path, and what its form says.
pub async fn scene(method: &Method, path: &str) -> (App, String, &'static str) {
    let of_one = path.replace("{hostname}", ONE);
    let of_desk = path.replace("{hostname}", "desk");
    let of_first = path.replace("{id}", "1");
    match (method.as_str(), path) {
        ("DELETE", "/api/vms/{hostname}") => (App::with_running(1).await, of_one, ""),
        ("POST", "/api/request_vm") => (App::with_running(3).await, of_one, ADA),
        ("POST", "/claims/{link}/command") => {
            let (app, link) = claimed().await;
            // The page asks for another command once there can be something wrong with the first.
            app.sql("update claim set state = 'connected'").await;
            (app, format!("{link}/command"), COMMAND)
        }
        ("POST", "/claims/{link}/return") => {
            let (app, link) = claimed().await;
            (app, format!("{link}/return"), "")
        }
        ("POST", "/line") => (App::with_running(0).await, of_one, ADA),
        ("POST", "/line/{link}/claim") => {
            let (app, place) = in_line().await;
            let free = form(&format!("/api/vms/{ONE}/release"), "then=reuse").by_admin();
            assert_eq!(app.call(free).await.status, StatusCode::OK);
            (app, format!("{place}/claim"), COMMAND)
        }
        ("POST", "/line/{link}/leave") => {
            let (app, place) = in_line().await;
            (app, format!("{place}/leave"), "")
        }
        ("POST", "/api/launch") => (App::with_running(0).await, of_one, "num_vms=2"),
        ("POST", "/admin/machines/{hostname}/install" | "/admin/machines/{hostname}/forget") => {
            (registered().await, of_desk, "")
        }
        ("POST", "/admin/claims/{id}/link" | "/admin/claims/{id}/fresh-machine") => {
            (claimed().await.0, of_first, "")
        }
        ("POST", "/admin/claims/{id}/lock-out") => {
            let (app, _) = claimed().await;
            app.sql(
                "insert into vm_presence (vm_id, last_seen, vitals)
                 select id, now(), '{\"locks_out\": true, \"token\": \"safe\"}' from vm
                 on conflict (vm_id) do update set vitals = excluded.vitals",
            )
            .await;
            (app, of_first, "")
        }
        ("POST", "/api/places/clear" | "/api/places/{id}/remove") => {
            (in_line().await.0, of_first, "")
        }
        ("POST", "/api/vms/{hostname}/allow") => {
            let app = App::with_running(1).await;
            app.sql("update vm set barred_at = now()").await;
            (app, of_one, "")
        }
        ("POST", "/destroy") => {
            (App::with_running(2).await, of_one, "all=yes&confirm=yes&collect=yes")
        }
        ("POST", "/api/collections") => (App::with_running(1).await, of_one, "extension=slp"),
        ("POST", "/api/collections/{operation_id}/discard") => {
            let (app, id) = with_an_archive().await;
            (app, path.replace("{operation_id}", &id.to_string()), "")
        }
        ("POST", "/api/admin/set-aws-credentials") => {
            let app = App::with_running(0).await.with_aws(with_keys_that_work());
            (app, of_one, "aws_access_key_id=AKIAGOOD&aws_secret_access_key=right")
        }
        ("POST", "/api/admin/unset-aws-credentials") => {
            (App::with_running(0).await.with_aws(with_keys_that_work()), of_one, "")
        }
        ("POST", "/api/vms") => (App::with_running(0).await, of_one, "hostname="),
        ("POST", "/api/vms/{hostname}/replace") => (App::with_running(1).await, of_one, ""),
        ("POST", "/api/vms/{hostname}/release") => (claimed().await.0, of_one, "then=replace"),
        ("POST", "/api/vms/{hostname}/clean") => {
            let app = registered().await;
            app.sql("update vm set status = 'running'").await;
            assert_eq!(app.call(form("/api/request_vm", ADA)).await.status, StatusCode::CREATED);
            let free = form("/api/vms/desk/release", "").by_admin();
            assert_eq!(app.call(free).await.status, StatusCode::OK);
            app.sql("update claim set clean_failure = 'The disk is full.'").await;
            (app, of_desk, "")
        }
        ("POST", "/api/vms/{hostname}/reboot") => {
            let runners = Runners::default().with::<Reboot>(&Arc::new(Restarts));
            let app = App::with_running(1).await.with_worker(runners);
            (app, of_one, "")
        }
        ("POST", "/api/vms/{hostname}/forget-host-key") => {
            let app = App::with_running(1).await;
            app.sql("update vm set ssh_host_key = 'ssh-ed25519 AAAA'").await;
            (app, of_one, "")
        }
        ("POST", "/api/operations/{id}/cancel") => (App::with_running(1).await, of_first, ""),
        ("POST", "/api/operations/{id}/approve" | "/api/operations/{id}/reject") => {
            (awaiting_approval().await, path.replace("{id}", "2"), "")
        }
        ("POST", "/api/operations/{id}/retry") => (failed(None).await, of_first, ""),
        ("POST", "/api/operations/{id}/bring-back") => {
            (failed(Some(Fault::Empty)).await, of_first, "")
        }
        ("POST", "/api/operations/{id}/give-up") => {
            (failed(Some(Fault::Empty)).await, of_first, "hostname=lablink-vm-test-1&confirm=yes")
        }
        (_, other) => panic!("{method} {other} begins something: say here what, and how"),
    }
}

/// How a key comes along.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    Browser,
    Program,
}

pub fn call(method: &Method, path: &str, body: &str, key: &str, by: By) -> Request<Body> {
    let mut request = match by {
        By::Browser => form(path, &format!("{body}&form_key={key}")).by_browser(),
        By::Program => form(path, body).with("idempotency-key", key),
    };
    *request.method_mut() = method.clone();
    request.by_admin().with("host", "lab")
}

/// All that a request may have begun. A worker goes on by itself meanwhile.
async fn begun(app: &App) -> String {
    let tables = "select string_agg(t.name || ' ' || t.rows, ', ' order by t.name) from (
        select 'event' as name, count(*) as rows from event where actor <> 'system'
        union all select 'operation', count(*) from operation
        union all select 'target', count(*) from operation_target
        union all select 'vm', count(*) from vm
        union all select 'claim', count(*) from claim
        union all select 'command', coalesce(sum(command_no), 0) from claim
        union all select 'link', count(*) from claim_link
        union all select 'place', count(*) from place
        union all select 'key', count(*) from begun) as t";
    app.text(tables).await
}

fn told(answer: &Answer) -> (StatusCode, String, String) {
    let location = answer.header("location").to_owned();
    // Each page has fresh keys for its own forms.
    let mut parts = answer.body.split("name=\"form_key\" value=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    let body = parts.fold(first, |body, part| body + part.split_once('"').unwrap().1);
    (answer.status, location, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_people_begin_begins_once_however_often_it_is_sent() {
    for (method, path, _) in begins_table() {
        for by in [By::Browser, By::Program] {
            if by == By::Browser && method == Method::DELETE {
                continue;
            }
            let label = format!("{method} {path} by a {by:?}");
            let key = Key::random();
            let send = |path: &str, body: &str| call(&method, path, body, key.reveal(), by);
            let (alone, at, body) = scene(&method, path).await;
            let answer = alone.call(send(&at, body)).await;
            let fine = answer.status.is_success() || answer.status == StatusCode::SEE_OTHER;
            assert!(fine, "{label}: {} {}", answer.status, answer.body);

            let (app, at, body) = scene(&method, path).await;
            let before = begun(&app).await;
            let mut answers = join_all((0..3).map(|_| app.call(send(&at, body)))).await;
            answers.push(app.call(send(&at, body)).await);
            for answer in &answers {
                assert_eq!(told(answer), told(&answers[0]), "{label}");
            }
            assert_eq!(answers[0].status, answer.status, "{label}");
            let after = begun(&app).await;
            assert_ne!(after, before, "{label} begins something");
            assert_eq!(after, begun(&alone).await, "{label}: as if it was sent once");
        }
    }
}

#[tokio::test]
async fn the_same_key_with_another_wish_is_refused_in_a_clear_sentence() {
    // What is done with a place is done once for want of a second place.
    let without = ["/line/{link}/claim", "/line/{link}/leave"];
    for (method, path, form_page) in begins_table() {
        if without.contains(&path) {
            continue;
        }
        let key = Key::random();
        let (app, at, body) = scene(&method, path).await;
        let send = |path: &str, body: &str, by| call(&method, path, body, key.reveal(), by);
        app.call(send(&at, body, By::Program)).await;
        let before = begun(&app).await;
        let (other, body) = (format!("{at}?other"), body.replace("ada", "bob"));
        let refused = app.call(send(&other, &body, By::Program)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", refused.body);
        assert_eq!(refused.json()["code"], "key_reused", "{path}");
        assert_eq!(begun(&app).await, before, "{path}");
        if let Some(form_page) = form_page {
            let refused = app.call(send(&other, &body, By::Browser)).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            assert!(refused.body.contains("sent before"), "{path}: {}", refused.body);
            let shown = refused.body.contains("<form") || form_page.contains('{');
            let leads = shown || refused.body.contains(&format!("href=\"{form_page}\""));
            assert!(leads, "{path}: {}", refused.body);
        }
    }
}

#[tokio::test]
async fn what_could_be_guessed_is_no_key() {
    let app = App::with_running(1).await;
    for key in ["1", "order-1", "", "ada@example.org, the first of all claims"] {
        let weak = form("/api/request_vm", ADA).with("idempotency-key", key);
        let refused = app.call(weak).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{key}");
        assert!(refused.json()["error"].as_str().unwrap().contains("Idempotency-Key"), "{key}");
    }
    let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let wish = serde_json::json!({
        "email": "ada@example.org", "crd_command": "start-host --code=4/x",
    });
    for _ in 0..2 {
        let claimed = app.call(json("/api/request_vm", &wish).with("idempotency-key", uuid)).await;
        assert_eq!(claimed.status, StatusCode::CREATED, "{}", claimed.body);
    }
}

#[tokio::test]
async fn who_sends_no_key_asks_anew_each_time() {
    let app = App::with_running(0).await;
    for id in ["/admin/operations/2", "/admin/operations/3"] {
        let queued = app.call(form("/api/launch", "num_vms=1").by_admin().by_browser()).await;
        assert_eq!(queued.header("location"), id);
    }
}

#[test]
fn no_route_of_people_changes_anything_without_a_key() {
    let begins: Vec<_> =
        begins_table().into_iter().map(|(method, path, _)| (method, path)).collect();
    for (method, path, action) in access_table() {
        let of_people = matches!(action, Action::Visit | Action::Do(_));
        let begins_nothing = AGENTS.contains(&path) || LISTEN.contains(&path);
        if of_people && method != Method::GET && !begins_nothing {
            assert!(begins.contains(&(method.clone(), path)), "{method} {path}: use `begin`");
        }
    }
}

/// Those in this folder and below it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_form_that_posts_carries_a_key() {
    let mut forms = 0;
    for path in files(concat!(env!("CARGO_MANIFEST_DIR"), "/templates").as_ref()) {
        let text = fs::read_to_string(&path).unwrap();
        for form in text.split("<form").skip(1) {
            let (form, _) = form.split_once("</form>").expect("forms end");
            if !form.contains("method=\"post\"") {
                continue;
            }
            forms += 1;
            assert!(form.contains("{{ m::form_key() }}"), "{}: {form}", path.display());
        }
    }
    assert!(forms >= 30, "only {forms} forms were found");
}

#[tokio::test]
async fn an_address_that_only_takes_posts_leads_a_browser_to_its_form() {
    for (method, path, form_page) in begins_table() {
        let Some(form_page) = form_page else { continue };
        let (app, at, _) = scene(&method, path).await;
        let page = app.call(get(&at).by_browser().by_admin().with("host", "lab")).await;
        if form_page == path {
            assert_eq!(page.status, StatusCode::OK, "{path} is a page");
            continue;
        }
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}: {}", page.body);
        let shown = app.call(get(page.header("location")).by_browser().by_admin()).await;
        assert_eq!(shown.status, StatusCode::OK, "{path} leads to {}", page.header("location"));
        assert!(shown.body.contains("method=\"post\""), "{path}");

        let program = app.call(get(&at).by_admin()).await;
        if program.status != StatusCode::OK {
            assert_eq!(program.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(program.json()["code"], "method_not_allowed", "{path}");
            assert!(program.header("allow").contains("POST"), "{path}");
        }
        let mut put = get(&at).by_browser().by_admin();
        *put.method_mut() = Method::PUT;
        assert_eq!(app.call(put).await.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn a_link_that_is_led_to_its_page_stays_as_it_was_written() {
    let app = App::with_running(0).await;
    let led = app.call(get("/claims/a%0D%0Ab%20%2F%2Fevil/command").by_browser()).await;
    assert_eq!(led.header("location"), "/claims/a%0D%0Ab%20%2F%2Fevil");
}

#[tokio::test]
async fn a_multipart_form_and_its_copy_are_the_same_wish() {
    let app = App::with_running(0).await;
    let key = Key::random();
    let mut ids = Vec::new();
    for boundary in ["one", "two"] {
        let field = |name: &str, value: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let body = field("num_vms", "1") + &field("form_key", key.reveal());
        let request = Request::post("/api/launch")
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .body(Body::from(format!("{body}--{boundary}--\r\n")))
            .unwrap();
        ids.push(app.call(request.by_admin()).await.json()["operation_id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    finish(&app, OperationState::Succeeded).await;
}
