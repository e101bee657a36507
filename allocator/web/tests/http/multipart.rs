//! Forms that come as `multipart/form-data`.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use crate::app::{App, With};

fn part(name: &str, more: &str, value: &str) -> String {
    format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
}

fn multipart(path: &str, parts: &[String]) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "Multipart/Form-Data; boundary=cut")
        .body(Body::from(format!("{}--cut--\r\n", parts.concat())))
        .unwrap()
}

#[tokio::test]
async fn every_form_may_come_in_parts() {
    let app = App::with_running(3).await;
    let ada =
        [part("email", "", "ada@example.org"), part("crd_command", "", "--code=4/x --name=a&b")];
    let claimed = app.call(multipart("/api/request_vm", &ada)).await;
    assert_eq!(claimed.status, StatusCode::CREATED, "{}", claimed.body);
    let launched = app.call(multipart("/api/launch", &[part("num_vms", "", "2")]).by_admin()).await;
    assert_eq!(launched.status, StatusCode::ACCEPTED, "{}", launched.body);
    // A list, and a tick.
    let named = ["lablink-vm-test-2", "lablink-vm-test-3"].map(|vm| part("hostname", "", vm));
    let parts = [&named[..], &[part("confirm", "", "yes")]].concat();
    let destroyed = app.call(multipart("/destroy", &parts).by_admin().by_browser()).await;
    assert_eq!(destroyed.status, StatusCode::SEE_OTHER, "{}", destroyed.body);
    let released = multipart("/api/vms/lablink-vm-test-1/release", &[part("then", "", "reuse")]);
    assert_eq!(app.call(released.by_admin()).await.status, StatusCode::OK);
    let aws = app.call(multipart("/api/admin/set-aws-credentials", &[]).by_admin()).await;
    assert_eq!(aws.json()["code"], "missing", "read, as an empty form");
    let line = app.call(multipart("/line", &[part("email", "", "bob@example.org")])).await;
    assert_eq!(line.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_can_not_be_read_is_told() {
    let app = App::with_running(1).await;
    let file = part("email", "; filename=\"a.txt\"", "ada@example.org");
    let refused = app.call(multipart("/api/request_vm", &[file])).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["error"], "email: send it as text, not as a file.");
    for large in [70_000, 64 * 1024] {
        let large = part("email", "", &"a".repeat(large));
        let refused = app.call(multipart("/api/request_vm", &[large])).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", refused.body);
        assert_eq!(refused.json()["code"], "too_large");
    }
    let mut cut = multipart("/api/request_vm", &[]);
    *cut.body_mut() =
        Body::from("--cut\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na");
    let refused = app.call(cut).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::BAD_REQUEST, &"malformed_form".into())
    );
    let mut unnamed = multipart("/api/request_vm", &[]);
    unnamed.headers_mut().insert(header::CONTENT_TYPE, "multipart/form-data".parse().unwrap());
    assert_eq!(app.call(unnamed).await.status, StatusCode::BAD_REQUEST);
}
