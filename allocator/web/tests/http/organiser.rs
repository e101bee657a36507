//! The organiser's pages about participants and single VMs.

use axum::http::StatusCode;
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json};

const ADA: &str = "email=ada%40example.org&crd_command=--code%3D4%2Fx";

async fn page(app: &App, path: &str) -> String {
    let answer = app.call(get(path).by_browser().by_admin()).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    assert!(answer.body.len() < 50_000, "{path} has {} bytes", answer.body.len());
    answer.body
}

/// The URL of a page's link of this kind.
fn leaf(page: &str, kind: &str) -> String {
    let link = page.split("<a class=\"button\" href=\"").find(|it| it.contains(kind)).unwrap();
    link.split('"').next().unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn instances_are_searched_filtered_and_paged() {
    let app = App::with_running(130).await;
    app.call(form("/api/request_vm", ADA)).await;
    let first = page(&app, "/admin/instances").await;
    assert!(first.contains(">lablink-vm-test-60<") && first.contains(r#"class="count">130<"#));
    assert!(!first.contains("rel=\"prev\"") && !first.contains(">lablink-vm-test-61<"));
    let second = page(&app, &leaf(&first, "rel=\"next\"")).await;
    assert!(second.contains(">lablink-vm-test-61<") && second.contains(">lablink-vm-test-120<"));
    let last = page(&app, &leaf(&second, "rel=\"next\"")).await;
    assert!(last.contains(">lablink-vm-test-130<") && !last.contains("rel=\"next\""));
    let back = page(&app, &leaf(&second, "rel=\"prev\"")).await;
    assert!(back.contains(">lablink-vm-test-1<") && !back.contains("rel=\"prev\""));
    let ada = page(&app, "/admin/instances?q=ADA%40").await;
    assert!(ada.contains(">lablink-vm-test-1<") && !ada.contains(">lablink-vm-test-2<"));
    let free = page(&app, "/admin/instances?show=free").await;
    assert!(free.contains(r#"class="count">129<"#) && free.contains("show=free&#38;after="));
    let as_before = page(&app, "/admin/instances?q=&state=free&sort=number").await;
    assert!(as_before.contains(r#"class="count">129<"#), "as older links say it");
    assert!(page(&app, "/admin/instances?q=%25").await.contains("No VM matches"));
    for wrong in ["show=odd", "state=odd", "q=ada&show=free", "after=x", "until=0-5", "after=7.1"] {
        let refused = app.call(get(&format!("/admin/instances?{wrong}")).by_admin()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn a_vms_page_tells_its_story_and_asks_before_something_is_lost() {
    let app = App::with_running(1).await;
    app.call(form("/api/request_vm", ADA)).await;
    let vm = page(&app, "/admin/vms/lablink-vm-test-1").await;
    for key in ["ada@example.org", "was claimed", "Replace…", "Take back…"] {
        assert!(vm.contains(key), "{key}");
    }
    for deed in ["release", "replace", "delete", "forget"] {
        let asked = page(&app, &format!("/admin/vms/lablink-vm-test-1/{deed}")).await;
        assert!(asked.contains("ada@example.org") && asked.contains("you lose with"), "{deed}");
    }
    for path in ["/admin/vms/lablink-vm-test-1/x", "/admin/vms/lablink-vm-test-9", "/admin/vms/%00"]
    {
        assert_eq!(app.call(get(path).by_admin()).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let release = form("/api/vms/lablink-vm-test-1/release", "then=reuse");
    let released = app.call(release.by_browser().by_admin()).await;
    assert_eq!(released.header("location"), "/admin/vms/lablink-vm-test-1");
    let vm = page(&app, "/admin/vms/lablink-vm-test-1").await;
    assert!(vm.contains("Nobody has it") && vm.contains("Released"));
    let replace = form("/api/vms/lablink-vm-test-1/replace", "").by_browser().by_admin();
    assert!(app.call(replace).await.header("location").starts_with("/admin/operations/"));
}

#[tokio::test]
async fn who_wants_to_get_back_in_gets_a_new_link_in_a_click() {
    let app = App::with_running(1).await;
    app.call(form("/api/request_vm", ADA)).await;
    app.call(form("/api/request_vm", &ADA.replace("4%2Fx", "4%2Fforgot"))).await;
    let before = page(&app, "/admin/participants").await;
    assert!(before.contains("Want to get back in"));
    let path = before.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let made = app.call(form(path, "").by_browser().by_admin().with("host", "lab:5000")).await;
    let url = made.body.split("http://lab:5000").nth(1).unwrap().split('<').next().unwrap();
    assert!(app.call(get(url).by_browser()).await.body.contains("lablink-vm-test-1"));
    assert!(!page(&app, "/admin/participants").await.contains("Want to get back in"));
    let none = app.call(form("/admin/claims/99/link", "").by_admin()).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn claims_are_told_as_csv_without_secrets() {
    let app = App::with_running(2).await;
    let pin = app.call(form("/api/request_vm", ADA)).await.json()["pin"].clone();
    let csv = app.call(get("/admin/claims.csv").by_admin()).await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.body.starts_with("\u{feff}email,"), "Excel takes it for another encoding");
    let row = csv.body.lines().nth(1).unwrap();
    assert!(row.starts_with("\"ada@example.org\",\"lablink-vm-test-1\",\"waiting\""), "{row}");
    assert!(!csv.body.contains(pin.as_str().unwrap()) && !csv.body.contains("4/x"));
}

#[tokio::test]
async fn vms_to_destroy_are_ticked_on_a_page_or_all_of_a_list_are_chosen() {
    let app = App::with_running(130).await;
    app.sql("update vm set status = 'error' where number > 30").await;
    let preview = page(&app, "/admin/instances/delete?show=failed").await;
    assert!(preview.contains("The pool has 130 VMs") && preview.contains("on all its pages: 100."));
    assert!(!preview.contains(" checked><span class=\"host\""), "nothing is ticked at first");
    let second = page(&app, &leaf(&preview, "rel=\"next\"")).await;
    assert!(
        second.contains(r#"value="lablink-vm-test-130""#)
            && second.contains("show\" value=\"failed\"")
    );
    let send =
        async |fields: &str| app.call(form("/destroy", fields).by_browser().by_admin()).await;
    let none = send("which=ticked&q=&show=failed&after=&until=&confirm=yes").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.body.contains("Tick at least one VM.") && none.body.contains("value=\"failed\""));
    let unsure = send("which=shown&q=&show=failed&told=100").await;
    assert!(
        unsure.status == StatusCode::UNPROCESSABLE_ENTITY
            && unsure.body.contains(r#"value="shown" checked"#)
    );
    let more = send("which=shown&q=&show=failed&told=99&confirm=yes").await;
    assert_eq!(more.status, StatusCode::CONFLICT);
    assert!(
        more.body.contains("100 VMs match by now") && more.body.contains("Nothing was destroyed")
    );
    assert_eq!(app.call(get("/api/operations/2").by_admin()).await.status, StatusCode::NOT_FOUND);
    let sent = send(
        "which=shown&q=&show=failed&after=&until=&told=100&hostname=lablink-vm-test-1&confirm=yes",
    )
    .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let operation = app.call(get("/api/operations/2").by_admin()).await.json();
    let hostnames = operation["hostnames"].as_array().unwrap();
    assert!(hostnames.len() == 100 && hostnames[0] == "lablink-vm-test-31", "{hostnames:?}");
    let misspelt = app.call(form("/destroy", "shwo=failed").by_admin()).await;
    assert_eq!(misspelt.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn results_are_collected_from_all_of_a_list_or_from_ticked_vms() {
    let app = App::with_running(130).await;
    app.sql("update vm set status = 'error' where number > 30").await;
    let chosen = page(&app, "/admin/results?show=failed").await;
    assert!(chosen.contains("<details open") && chosen.contains("on all its pages: 100"));
    let second = page(&app, &leaf(&chosen, "rel=\"next\"")).await;
    assert!(second.contains(r#"value="lablink-vm-test-130""#));
    let send = async |fields: &str| {
        app.call(form("/api/collections", fields).by_browser().by_admin()).await
    };
    assert_eq!(send("extension=slp&q=&show=failed&told=100").await.status, StatusCode::SEE_OTHER);
    let operation = app.call(get("/api/operations/2").by_admin()).await.json();
    assert_eq!(operation["hostnames"].as_array().unwrap().len(), 100);
    send("extension=slp&hostnames=lablink-vm-test-7&show=failed").await;
    let operation = app.call(get("/api/operations/3").by_admin()).await.json();
    assert_eq!(operation["hostnames"], json!(["lablink-vm-test-7"]));
}

#[tokio::test]
async fn a_full_participants_page_stays_small() {
    let app = App::with_running(90).await;
    app.sql(
        "insert into claim (pool_id, vm_id, email, crd_code, pin)
         select pool_id, id, 'a.participant.with.a.name' || number || '@students.example.org', 'x', '1'
         from vm;
         update vm set claim_id = claim.id from claim where claim.vm_id = vm.id;
         insert into place (pool_id, email, token_sha256)
         select pool_id, 'somebody.who.waits' || number || '@students.example.org', sha256(number::text::bytea)
         from vm",
    )
    .await;
    let first = page(&app, "/admin/participants").await;
    let next =
        first.split("href=\"/admin/participants?").nth(1).unwrap().split('"').next().unwrap();
    assert!(page(&app, &format!("/admin/participants?{next}")).await.contains("name1@students"));
    let body = json!({"then": "reuse"});
    let release = post_json("/api/vms/lablink-vm-test-1/release", &body).by_admin();
    assert_eq!(app.call(release).await.status, StatusCode::OK);
    assert!(page(&app, "/admin/participants").await.contains("somebody.who.waits1@"));
}
