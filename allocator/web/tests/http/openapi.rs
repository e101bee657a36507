use lablink_core::{
    claims::ClaimState,
    operations::{OperationState, Stage},
    pools::Source,
    state::Fault,
    vms,
};
use lablink_web::access_table;
use serde_json::Value;

use crate::app::{App, get};

/// Parts of the pages, which no program reads.
const PAGES_OWN: [&str; 5] = [
    "/assets/{name}",
    "/assets/fetched/{version}/{*path}",
    "/changes",
    "/admin/changes",
    "/admin/logs/{hostname}/lines",
];

#[tokio::test]
async fn the_document_describes_every_route_and_no_other() {
    let app = App::with_running(0).await;
    let answer = app.call(get("/openapi.json")).await;
    let document = answer.json();
    let mut routes: Vec<String> = access_table()
        .into_iter()
        .filter(|(_, path, _)| !PAGES_OWN.contains(path))
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let paths = document["paths"].as_object().unwrap();
    let mut described: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    routes.sort();
    described.sort();
    assert_eq!(described, routes);
}

#[tokio::test]
async fn the_document_says_who_may_and_what_a_refusal_looks_like() {
    let app = App::with_running(0).await;
    let document = app.call(get("/openapi.json")).await.json();
    let security = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
    assert_eq!(security("/", "get"), serde_json::json!([]));
    assert_eq!(security("/api/launch", "post"), serde_json::json!([{"admin": []}]));
    assert_eq!(security("/api/vm-status", "post"), serde_json::json!([{"token": []}]));
    assert_eq!(
        security("/api/vm-status", "get"),
        serde_json::json!([{"admin": []}, {"token": []}])
    );
    let refusal = &document["paths"]["/api/launch"]["post"]["responses"]["default"];
    let body = &refusal["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(body, "#/components/schemas/ErrorBody");
    assert_references_lead_somewhere(&document, &document);
}

fn assert_references_lead_somewhere(document: &Value, part: &Value) {
    match part {
        Value::Object(entries) => {
            if let Some(reference) = entries.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            entries.values().for_each(|value| assert_references_lead_somewhere(document, value));
        }
        Value::Array(values) => {
            values.iter().for_each(|value| assert_references_lead_somewhere(document, value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_document_names_every_word_that_a_list_is_limited_to() {
    let app = App::with_running(0).await;
    let document = app.call(get("/openapi.json")).await.json();
    let pattern = |path: &str, name: &str| {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap().clone();
        let state = parameters.into_iter().find(|it| it["name"] == name).unwrap();
        state["schema"]["pattern"].as_str().unwrap().to_owned()
    };
    let one_of = |words: Vec<&str>| format!("^({})?$", words.join("|"));
    let sorts = words(vms::Sort::ALL, vms::Sort::as_str).into_iter();
    let vms = sorts.chain(words(vms::State::ALL, vms::State::as_str)).collect();
    assert_eq!(pattern("/admin/instances", "show"), one_of(vms));
    let states = words(OperationState::ALL, OperationState::as_str);
    for path in ["/admin/operations", "/api/operations"] {
        assert_eq!(pattern(path, "state"), one_of(Vec::clone(&states)), "{path}");
    }
    let schemas = &document["components"]["schemas"];
    for (schema, field, words) in [
        ("OperationBody", "state", states.clone()),
        ("CollectionBody", "state", states),
        ("Step", "stage", words(Stage::ALL, Stage::as_str)),
        ("ConflictBody", "fault", words(Fault::ALL, Fault::as_str)),
        ("ClaimBody", "state", words(ClaimState::ALL, ClaimState::as_str)),
        ("VmBody", "source", words(Source::ALL, Source::as_str)),
    ] {
        let text = schemas[schema]["properties"][field]["description"].as_str().unwrap();
        let named: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
        assert_eq!(named, words, "{schema}.{field}");
    }
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|it| word(*it)).collect()
}
