use axum::http::StatusCode;
use lablink_core::pools::AfterUse;
use lablink_web::AgentAuth;
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json};

#[tokio::test]
async fn a_machine_is_registered_with_a_command_that_is_good_once() {
    let app = App::new(AgentAuth::Required).await;
    let wish = json!({"hostname": "desk-7.lab.example.org"});
    let post = || post_json("/api/vms", &wish).by_admin().with("host", "lab:5000");
    let answer = app.call(post()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let told = answer.json();
    let token = told["enrolment_token"].as_str().unwrap();
    let command = told["install_command"].as_str().unwrap();
    assert!(command.contains(token) && command.contains("http://lab:5000/install"), "{command}");
    assert!(command.ends_with("lablink desk-7.lab.example.org") && told["expires_at"].is_string());
    let taken = app.call(post()).await;
    assert_eq!(
        (taken.status, taken.json()["code"].clone()),
        (StatusCode::CONFLICT, json!("taken"))
    );

    let enrol = json!({"hostname": "desk-7.lab.example.org", "enrolment_token": token});
    let enrol = || post_json("/api/agent/enrol", &enrol);
    assert_eq!(app.call(enrol()).await.status, StatusCode::OK);
    let page = async || {
        let page = get("/admin/vms/desk-7.lab.example.org").by_browser().by_admin();
        app.call(page).await.body
    };
    assert!(!page().await.contains("never enrolled"), "it may still be on its way");
    let later = "update enrolment set expires_at = expires_at - interval '16 minutes'";
    app.db.client().await.unwrap().batch_execute(later).await.unwrap();
    let told = page().await;
    let help = r#"action="/admin/machines/desk-7.lab.example.org/install""#;
    assert!(told.contains("never enrolled") && told.contains(help), "{told}");

    // As if that answer was lost: the token is good until the one that it brought was used.
    let second = app.call(enrol()).await.json()["agent_token"].as_str().unwrap().to_owned();
    let beat = post_json("/api/agent/heartbeat", &json!({"hostname": "desk-7.lab.example.org"}));
    let beat = beat.with("authorization", &format!("Bearer {second}"));
    assert_eq!(app.call(beat).await.status, StatusCode::OK);
    assert_eq!(app.call(enrol()).await.status, StatusCode::FORBIDDEN);
    assert!(!page().await.contains("never enrolled"));

    let removed = get("/api/vms/desk-7.lab.example.org").by_admin();
    let (mut parts, body) = removed.into_parts();
    parts.method = axum::http::Method::DELETE;
    let removed = axum::http::Request::from_parts(parts, body);
    assert_eq!(app.call(removed).await.status, StatusCode::OK);
    let gone = app.call(get("/api/vms/desk-7.lab.example.org").by_admin()).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn names_are_checked_and_made_up() {
    let app = App::new(AgentAuth::Required).await;
    for name in ["lablink-vm-test-1", "-x", "a b", "<script>"] {
        let wish = json!({ "hostname": name });
        let answer = app.call(post_json("/api/vms", &wish).by_admin().with("host", "lab")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let typed = form("/api/vms", "hostname=-x").by_browser().by_admin().with("host", "lab");
        assert!(app.call(typed).await.body.contains(r#"value="-x""#));
    }
    let none = form("/api/vms", "hostname=").by_browser().by_admin().with("host", "lab");
    let page = app.call(none).await;
    assert_eq!(page.status, StatusCode::CREATED);
    assert!(page.body.contains("Run this on <span class=\"host\">machine-"));
    let name = page.body.split("/admin/vms/").nth(1).unwrap().split('"').next().unwrap();
    let again = form(&format!("/admin/machines/{name}/install"), "").by_browser().by_admin();
    assert!(app.call(again.with("host", "lab")).await.body.contains("printf %s"));
    let forget = form(&format!("/admin/machines/{name}/forget"), "").by_browser().by_admin();
    assert_eq!(app.call(forget).await.header("location"), "/admin/instances");
    let strange = form("/admin/machines/nobody/install", "").by_admin().with("host", "lab");
    assert_eq!(app.call(strange).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_machines_ssh_key_is_taken_only_where_it_can_be_kept_safe() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    let wish = |login: &str| {
        let ssh = json!({"address": "10.0.0.7", "login": login, "private_key": pem});
        json!({"hostname": "desk", "ssh": ssh})
    };
    let app = App::new(AgentAuth::Required).await;
    let post = |login: &str| post_json("/api/vms", &wish(login)).by_admin().with("host", "lab");
    let refused = app.call(post("ada")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("LABLINK_SECRET_KEY"), "{}", refused.body);
    let app = app.with_secret_key();
    let wrong = app.call(post("-oProxyCommand=x")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("ssh login: write a user name"), "{}", wrong.body);
    assert_eq!(app.call(post("ada")).await.status, StatusCode::CREATED);
    assert_eq!(app.text("select login || port from ssh_access").await, "ada22");

    let fields = "hostname=other&ssh_address=lab-2&ssh_port=2222&ssh_login=ada";
    let post = |fields: &str| form("/api/vms", fields).by_browser().by_admin().with("host", "lab");
    let keyless = app.call(post(fields)).await;
    assert_eq!(keyless.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(keyless.body.contains("ssh private key") && keyless.body.contains(r#"value="lab-2""#));
    let key = "&ssh_private_key=-----BEGIN+RSA+PRIVATE+KEY-----%0D%0AMIIB%0D%0A-----END+RSA+PRIVATE+KEY-----";
    let bad_port = app.call(post(&format!("{}{key}", fields.replace("2222", "0")))).await;
    assert!(bad_port.body.contains("from 1 to 65535") && !bad_port.body.contains("MIIB"));
    let made = app.call(post(&format!("{fields}{key}"))).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let port = "select address || port from ssh_access where port <> 22";
    assert_eq!(app.text(port).await, "lab-22222");
}

#[tokio::test]
async fn the_allocator_is_not_sent_to_itself_or_to_its_clouds_metadata() {
    let app = App::new(AgentAuth::Required).await.with_secret_key();
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    for address in ["localhost", "127.1", "::1", "169.254.169.254", "fe80::1", "0.0.0.0"] {
        let ssh = json!({"address": address, "login": "ada", "private_key": pem});
        let wish = json!({"hostname": "desk", "ssh": ssh});
        let refused = app.call(post_json("/api/vms", &wish).by_admin().with("host", "lab")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
        assert!(refused.body.contains("write the address that the machine has in its network"));
    }
    assert_eq!(app.text("select count(*)::text from vm").await, "0");
}

#[tokio::test]
async fn a_machine_that_was_installed_anew_may_show_another_host_key() {
    let app = App::with_running(1).await;
    let forget = || form("/api/vms/lablink-vm-test-1/forget-host-key", "").by_admin();
    assert_eq!(app.call(forget()).await.status, StatusCode::NOT_FOUND, "none is known");
    app.sql("update vm set ssh_host_key = 'ssh-ed25519 bGFibGluaw=='").await;
    let page = || get("/admin/vms/lablink-vm-test-1").by_browser().by_admin();
    let shown = "ssh-ed25519 SHA256:qpxKLo8q2PhU2HY/l4e8x7Fkpmn8O1Z/SzTgaZQDN6o<";
    assert!(app.call(page()).await.body.contains(shown));
    let forgotten = app.call(forget().by_browser()).await;
    assert_eq!(forgotten.header("location"), "/admin/vms/lablink-vm-test-1");
    let page = app.call(page()).await.body;
    assert!(!page.contains(shown) && page.contains("host key of lablink-vm-test-1 was forgotten"));
}

/// A registered machine whose agent reports in, and its agent's credential.
async fn desk(app: &App) -> String {
    let wish = json!({"hostname": "desk"});
    let told = app.call(post_json("/api/vms", &wish).by_admin().with("host", "lab")).await.json();
    let enrol = json!({"hostname": "desk", "enrolment_token": told["enrolment_token"]});
    let token = app.call(post_json("/api/agent/enrol", &enrol)).await.json();
    let agent = format!("Bearer {}", token["agent_token"].as_str().unwrap());
    let running = json!({"hostname": "desk", "status": "running"});
    let reported = app.call(post_json("/api/vm-status", &running).with("authorization", &agent));
    assert_eq!(reported.await.status, StatusCode::OK);
    agent
}

const ADA: &str = "email=ada%40example.org&crd_command=--code%3D4%2Fx";

/// ada claims the machine and gives it back on her page. The claim's number.
async fn used_by_ada(app: &App) -> serde_json::Value {
    let claimed = app.call(form("/api/request_vm", ADA)).await.json();
    let link = claimed["claim_url"].as_str().unwrap().split_once("/claims/").unwrap().1.to_owned();
    let given = app.call(form(&format!("/claims/{link}/return"), "")).await;
    assert_eq!(given.status, StatusCode::SEE_OTHER, "{}", given.body);
    let id = app.text("select max(id)::text from claim").await;
    serde_json::from_str(&id).unwrap()
}

#[tokio::test]
async fn an_agent_that_can_clean_is_asked_to_and_the_machine_is_free_then() {
    let app = App::new(AgentAuth::Required).await;
    let first = desk(&app).await;
    let wait_with = |agent: &str, more: serde_json::Value| {
        let mut body = json!({"hostname": "desk", "seen": {}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post_json("/vm_startup", &body).with("authorization", agent).with("prefer", "wait=0")
    };
    let cleans = json!({"cleans": true});
    assert_eq!(app.call(wait_with(&first, cleans)).await.status, StatusCode::NO_CONTENT);
    let claim = used_by_ada(&app).await;
    let agent = app.renewed("desk", &first).await;
    let wait = |more| wait_with(&agent, more);
    assert!(
        !app.call(form("/api/request_vm", ADA)).await.status.is_success(),
        "not for ada either"
    );

    assert_eq!(app.call(wait(json!({}))).await.status, StatusCode::NO_CONTENT, "can't clean");
    let seen = json!({"seen": {"claim_id": claim, "command_no": 1}});
    assert_eq!(app.call(wait(seen)).await.json(), json!({"status": "released"}));
    let clean = json!({"status": "clean", "claim_id": claim});
    assert_eq!(app.call(wait(json!({"cleans": true}))).await.json(), clean);
    let seen = json!({"cleans": true, "seen": {"claim_id": claim, "command_no": 1}});
    assert_eq!(app.call(wait(seen)).await.json(), clean, "one answer for both");
    let at_work = wait(json!({"cleans": true, "cleaning": claim}));
    assert_eq!(app.call(at_work).await.status, StatusCode::NO_CONTENT, "it is at it");

    let tell = |outcome: &str, detail: &str| {
        let body =
            json!({"hostname": "desk", "claim_id": claim, "outcome": outcome, "detail": detail});
        post_json("/api/agent/clean-result", &body).with("authorization", &agent)
    };
    let wrong = app.call(tell("perhaps", "")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(app.call(tell("failed", "<b>mounted</b>")).await.status, StatusCode::OK);
    assert_eq!(app.call(wait(json!({"cleans": true}))).await.status, StatusCode::NO_CONTENT);
    let again = form("/api/vms/desk/clean", "").by_browser().by_admin();
    assert_eq!(app.call(again).await.header("location"), "/admin/vms/desk");
    assert_eq!(app.call(form("/api/vms/desk/clean", "").by_admin()).await.status.as_u16(), 409);
    assert_eq!(app.call(wait(json!({"cleans": true}))).await.json(), clean);

    assert_eq!(app.call(tell("cleaned", "")).await.status, StatusCode::OK);
    let late = app.call(tell("cleaned", "")).await;
    assert_eq!(
        (late.status, late.json()["code"].clone()),
        (StatusCode::CONFLICT, json!("clean_superseded"))
    );
    assert_eq!(app.call(form("/api/request_vm", ADA)).await.json()["hostname"], "desk");
}

#[tokio::test]
async fn nobody_is_asked_to_clean_what_the_organiser_holds() {
    let app = App::new(AgentAuth::Required).await.after_use(AfterUse::Hold);
    let agent = desk(&app).await;
    used_by_ada(&app).await;
    let wait = json!({"hostname": "desk", "seen": {}, "cleans": true});
    let wait = post_json("/vm_startup", &wait).with("authorization", &agent);
    let held = app.call(wait.with("prefer", "wait=0")).await;
    assert_eq!(held.status, StatusCode::NO_CONTENT);
    assert!(page(&app).await.contains("It is held for you"));
    let app = App::new(AgentAuth::Required).await.after_use(AfterUse::Reuse);
    desk(&app).await;
    used_by_ada(&app).await;
    assert_eq!(app.call(form("/api/request_vm", ADA)).await.json()["hostname"], "desk");
}

async fn page(app: &App) -> String {
    app.call(get("/admin/vms/desk").by_browser().by_admin()).await.body
}

#[tokio::test]
async fn the_organiser_reads_who_had_a_machine_why_it_is_held_and_what_to_do() {
    let app = App::new(AgentAuth::Required).await;
    let agent = desk(&app).await;
    let beat = async |agent: &str, cleaning: serde_json::Value| {
        let body = json!({"hostname": "desk", "cleaning": cleaning});
        let call = post_json("/api/agent/heartbeat", &body).with("authorization", agent);
        assert_eq!(app.call(call).await.status, StatusCode::OK);
    };
    beat(&agent, json!("possible")).await;
    let claimed = app.call(form("/api/request_vm", ADA)).await.json();
    let claim = claimed["claim_url"].as_str().unwrap().split_once("/claims/").unwrap().1.to_owned();
    let asked = get(&format!("/claims/{claim}/return")).by_browser();
    assert!(app.call(asked).await.body.contains("The machine is cleaned: your files are moved"));
    let confirm = get("/admin/vms/desk/release").by_browser().by_admin();
    assert!(app.call(confirm).await.body.contains("The machine is cleaned first"));
    app.call(form(&format!("/claims/{claim}/return"), "")).await;
    let agent = app.renewed("desk", &agent).await;

    let html = page(&app).await;
    for words in ["Used before", "ada@example.org</b> had it last", "It is being cleaned"] {
        assert!(html.contains(words), "{words}");
    }
    assert!(html.contains("Hand it out again as it is"));
    let list = || get("/admin/instances?state=used").by_browser().by_admin();
    assert!(app.call(list()).await.body.contains("Last had by ada@example.org. It is being"));

    app.sql("update vm_presence set last_seen = now() - interval '2 minutes'").await;
    assert!(page(&app).await.contains("when its agent is back"));
    beat(&agent, json!({"impossible": "it runs without root <b>"})).await;
    let html = page(&app).await;
    assert!(
        html.contains("Its agent can&#39;t clean it: it runs without root &#60;b&#62;."),
        "{html}"
    );
    beat(&agent, json!("possible")).await;
    app.sql("update claim set clean_failure = 'its home is mounted'").await;
    let html = page(&app).await;
    assert!(html.contains("It could not be cleaned: its home is mounted."));
    assert!(html.contains(r#"action="/api/vms/desk/clean""#));
    app.sql("update vm_presence set vitals = '{}'").await;
    assert!(page(&app).await.contains("too old, or an original client"));
}

#[tokio::test]
async fn an_agent_that_keeps_files_hears_what_was_collected_of_them() {
    let app = App::new(AgentAuth::Required).await;
    let agent = desk(&app).await;
    let beat = |agent: &str| {
        let body = json!({"hostname": "desk", "keeps": 7});
        post_json("/api/agent/heartbeat", &body).with("authorization", agent)
    };
    assert_eq!(app.call(beat(&agent)).await.json(), json!({"interval_seconds": 20}));
    let claim = used_by_ada(&app).await;
    let agent = app.renewed("desk", &agent).await;
    app.sql(
        "update claim set cleaned_at = now() - interval '1 hour';
         insert into ssh_access (vm_id, address, port, login, sealed_key, directory)
         select id, 'desk', 22, 'root', '', '/home/lablink' from vm;
         insert into operation (pool_id, kind, state, actor, payload, started_at)
         select id, 'collect', 'succeeded', 'test', '{}', now() from pool;
         insert into collection_vm (operation_id, vm_id, files, bytes, unread, seconds)
         select operation.id, vm.id, 1, 1, 0, 1 from operation, vm",
    )
    .await;
    let collected = json!({"claim_id": claim, "directory": "/home/lablink"});
    assert_eq!(app.call(beat(&agent)).await.json()["collected"], collected);
}
