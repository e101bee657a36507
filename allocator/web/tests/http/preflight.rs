//! What is asked before a launch, with a cloud that answers as it is told to.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::http::StatusCode;
use lablink_core::{
    aws::AwsKeys,
    preflight::{
        Answer, Answers, CloudQuestions, Image, MachineType, Market, NoAnswer, Plan, Preflight,
        Price, Quota, Right, Tried,
    },
    secrets::{AwsLogin, Vault},
};
use lablink_web::AgentAuth;
use serde_json::json;

use crate::app::{App, With, form, get, json as posted};

struct Sky(Answers);

impl CloudQuestions for Sky {
    fn ask<'a>(
        &'a self,
        _keys: Option<&'a AwsKeys>,
        _plan: &'a Plan,
    ) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>> {
        Box::pin(async { self.0.clone() })
    }

    fn machines<'a>(
        &'a self,
        _keys: Option<&'a AwsKeys>,
        _names: &'a [&'a str],
    ) -> Pin<Box<dyn Future<Output = Answer<Vec<MachineType>>> + Send + 'a>> {
        Box::pin(async { self.0.machine.clone().map(|found| found.into_iter().collect()) })
    }
}

fn answers() -> Answers {
    let machine = MachineType {
        name: "g4dn.xlarge".to_owned(),
        vcpus: 4,
        gpus: 1,
        gpu_name: "T4".to_owned(),
        architectures: vec!["x86_64".to_owned()],
        spot: true,
    };
    Answers {
        machine: Ok(Some(machine)),
        others: Ok(Vec::new()),
        zones: Ok(vec!["us-west-2a".to_owned()]),
        image: Ok(Some(Image {
            state: "available".to_owned(),
            architecture: "x86_64".to_owned(),
            root_gb: Some(40),
        })),
        quota: Ok(Quota { limit: 32, used: 0, coming: 0 }),
        price: Ok(Some(Price { per_hour: 0.526, currency: "USD".to_owned() })),
        rights: vec![Tried { call: "RunInstances", outcome: Ok(Right::Given) }],
    }
}

fn preflight(answers: Answers) -> Preflight {
    let plan = Plan {
        region: "us-west-2".to_owned(),
        machine_type: "g4dn.xlarge".to_owned(),
        other_types: Vec::new(),
        image: "ami-1".to_owned(),
        root_gb: Some(80),
        market: Market::OnDemand,
        zones: Vec::new(),
        tags: Vec::new(),
        security_group: "sg".to_owned(),
        key_pair: "key".to_owned(),
    };
    let aws = Arc::new(AwsLogin::new(None, Vault::new(None)));
    Preflight { plan, cloud: Box::new(Sky(answers)), aws }
}

async fn app(answers: Answers) -> App {
    App::new(AgentAuth::Required).await.with_preflight(preflight(answers))
}

#[tokio::test]
async fn a_launch_that_does_not_fit_is_refused_at_the_form() {
    let app = app(answers()).await;
    let why = "40 × g4dn.xlarge wanted, quota 32 vCPU: 8 fit.";
    let refused = app.call(posted("/api/launch", &json!({"num_vms": 40})).by_admin()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (&refused.json()["code"], &refused.json()["error"]),
        (&json!("would_fail"), &json!(why))
    );
    let page = app.call(form("/api/launch", "num_vms=40&hours=3").by_admin().by_browser()).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [why, "Requested value: 160", r#"value="40""#, r#"value="3""#] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert_eq!(app.text("select count(*)::text from operation").await, "0");

    let taken = app.call(posted("/api/launch", &json!({"num_vms": 8})).by_admin()).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.body);
    let next = app.call(posted("/api/launch", &json!({"num_vms": 1})).by_admin()).await;
    assert_eq!(next.status, StatusCode::UNPROCESSABLE_ENTITY);
    let why = "quota 32 vCPU, 32 of them for launches that have begun: 0 fit.";
    assert!(next.body.contains(why), "{}", next.body);
}

#[tokio::test]
async fn the_same_launch_sent_again_is_not_refused_for_its_own_machines() {
    let first = app(answers()).await;
    let launch = || {
        let request = posted("/api/launch", &json!({"num_vms": 8})).by_admin();
        request.with("idempotency-key", "0d5a3e0c-6a1f-4f0a-9d6e-2f6b8c1d7e90")
    };
    let begun = first.call(launch()).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.body);
    let full = Answers { quota: Ok(Quota { limit: 32, used: 32, coming: 0 }), ..answers() };
    let later = first.with_preflight(preflight(full));
    let again = later.call(launch()).await;
    assert_eq!(again.json()["operation_id"], begun.json()["operation_id"], "{}", again.body);
    let other = later.call(posted("/api/launch", &json!({"num_vms": 1})).by_admin()).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn without_an_answer_about_the_gpu_nothing_is_launched() {
    let app =
        app(Answers { machine: Err(NoAnswer::Failed("AWS is away".to_owned())), ..answers() })
            .await;
    let refused = app.call(posted("/api/launch", &json!({"num_vms": 1})).by_admin()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("whether g4dn.xlarge has a GPU"), "{}", refused.body);
}

#[tokio::test]
async fn a_question_without_an_answer_is_shown_and_stops_nothing() {
    let missing = NoAnswer::NotAllowed("pricing:GetProducts".to_owned());
    let app = app(Answers { price: Err(missing), ..answers() }).await;
    let page = app.call(get("/admin/create?num_vms=2&hours=3").by_admin().by_browser()).await;
    assert!(page.body.contains("the right pricing:GetProducts is missing"), "{}", page.body);
    let taken = app.call(posted("/api/launch", &json!({"num_vms": 1})).by_admin()).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.body);
}

#[tokio::test]
async fn programs_can_ask_before_they_launch() {
    let app = app(answers()).await;
    let told = app.call(get("/api/preflight?count=8&hours=3").by_admin()).await.json();
    assert_eq!(
        (&told["can_launch"], &told["gpu_support"], &told["fits"]),
        (&json!(true), &json!(true), &json!(8))
    );
    let price = told["findings"].as_array().unwrap().iter().find(|it| it["question"] == "price");
    assert!(price.unwrap()["text"].as_str().unwrap().contains("For 3 h: 12.62 USD"), "{price:?}");
    let told = app.call(get("/api/preflight?count=9").by_admin()).await.json();
    assert_eq!(told["can_launch"], json!(false));
    assert!(told["quota_request"].as_str().unwrap().contains("Requested value: 36"));
    for wrong in ["count=0", "count=101", "count=x", "hours=0"] {
        let answer = app.call(get(&format!("/api/preflight?{wrong}")).by_admin()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let local = App::new(AgentAuth::Required).await;
    let told = local.call(get("/api/preflight").by_admin()).await.json();
    assert_eq!((&told["can_launch"], &told["findings"]), (&json!(true), &json!([])));
}
