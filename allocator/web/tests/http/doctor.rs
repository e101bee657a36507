//! The page and the JSON that name the layer that is broken.

use axum::http::StatusCode;
use lablink_checks::{Checkup, Code, Finding};
use lablink_web::AgentAuth;
use serde_json::json;

use crate::app::{App, With, get};

async fn ill() -> App {
    let mut checkup = Checkup::default();
    checkup.check(Code::Database, &[], || async { Finding::well("It <answers>.") });
    checkup.check(Code::Terraform, &[Code::Database], || async {
        Finding::broken("It is not there.", "Install it.")
    });
    checkup.check(Code::Providers, &[Code::Terraform], || async { Finding::well("not asked") });
    App::new(AgentAuth::Required).await.examined(checkup)
}

#[tokio::test]
async fn the_report_is_the_same_for_programs_and_people() {
    let app = ill().await;
    let report = app.call(get("/api/doctor").by_admin()).await;
    assert_eq!(report.status, StatusCode::OK);
    assert_eq!(
        report.json(),
        json!({"checks": [
            {"code": "database", "state": "well", "seen": "It <answers>."},
            {"code": "terraform", "state": "broken", "seen": "It is not there.", "todo": "Install it."},
            {"code": "providers", "state": "skipped", "because": "It rests on 'terraform'."},
        ]})
    );
    let page = app.call(get("/admin/doctor").by_admin()).await;
    let text = page.body;
    assert!(text.contains("Look first at “Terraform”"), "{text}");
    assert!(text.contains("Install it.") && !text.contains("It <answers>."), "{text}");
    assert!(text.contains("href=\"/admin/doctor/terraform\""), "{text}");
}

#[tokio::test]
async fn each_code_has_a_page() {
    let app = ill().await;
    for code in Code::ALL {
        let page = app.call(get(&format!("/admin/doctor/{code}")).by_admin()).await;
        assert!(page.status == StatusCode::OK && page.body.contains("What to do"), "{code}");
    }
    let unknown = app.call(get("/admin/doctor/nothing").by_admin()).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(app.call(get("/api/doctor")).await.status, StatusCode::UNAUTHORIZED);
}
