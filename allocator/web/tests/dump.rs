#[test]
fn dump() {
    let text = lablink_web::openapi(lablink_web::AgentAuth::Required).to_pretty_json().unwrap();
    std::fs::write("/tmp/openapi-after.json", text).unwrap();
}
