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

#[tokio::test]
async fn instances_are_searched_filtered_and_paged() {
    let app = App::with_running(130).await;
    app.call(form("/api/request_vm", ADA)).await;
    let first = page(&app, "/admin/instances").await;
    assert!(first.contains("Page 1 of 3") && first.contains(">lablink-vm-test-60<"));
    assert!(page(&app, "/admin/instances?page=3").await.contains(">lablink-vm-test-130<"));
    let ada = page(&app, "/admin/instances?q=ADA%40").await;
    assert!(ada.contains(">lablink-vm-test-1<") && !ada.contains(">lablink-vm-test-2<"));
    assert!(
        page(&app, "/admin/instances?q=%25&state=free&sort=name").await.contains("No VM matches")
    );
    assert!(page(&app, "/admin/instances?page=x&sort=x&q=%00").await.contains("Page 1 of 3"));
    let unknown = app.call(get("/admin/instances?state=odd").by_admin()).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
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
async fn a_long_list_of_vms_to_destroy_is_cut_and_all_can_be_ticked() {
    let app = App::with_running(200).await;
    let preview = page(&app, "/admin/instances/delete").await;
    assert!(preview.contains("200 VMs") && preview.contains("110 more"));
    let destroy = form("/destroy", "hostname=lablink-vm-test-1&all=yes&confirm=yes");
    let answer = app.call(destroy.by_browser().by_admin()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let operation = app.call(get("/api/operations/2").by_admin()).await.json();
    assert_eq!(operation["hostnames"].as_array().unwrap().len(), 200);
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
