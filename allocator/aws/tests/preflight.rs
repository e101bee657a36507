//! What AWS is asked before a launch, of a stand-in for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::time::{Duration, Instant};

use lablink_aws::{Account, Found};
use lablink_core::preflight::{Answers, CloudQuestions, Market, NoAnswer, Plan, Quota, Right};
use lablink_test_cloud::{Cloud, with_cloud};
use serde_json::json;

fn plan(cloud: &Cloud) -> Plan {
    Plan {
        region: "us-west-2".to_owned(),
        machine_type: "g4dn.xlarge".to_owned(),
        other_types: Vec::new(),
        image: cloud.image(),
        root_gb: None,
        market: Market::OnDemand,
        zones: Vec::new(),
        tags: vec![("ManagedBy".to_owned(), "lablink-allocator".to_owned())],
        security_group: "lablink_client_test_sg".to_owned(),
        key_pair: "lablink_key_pair_client_test".to_owned(),
    }
}

async fn ask(plan: &Plan) -> Answers {
    let begun = Instant::now();
    let answers = Account::find(Found::default(), None).await.ask(None, plan).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    answers
}

fn outcome<'a>(answers: &'a Answers, call: &str) -> &'a Result<Right, NoAnswer> {
    &answers.rights.iter().find(|tried| tried.call == call).unwrap().outcome
}

#[test]
fn every_question_has_its_answer() {
    with_cloud("every_question_has_its_answer", &[], async |cloud| {
        let plan = plan(&cloud);
        cloud.does(&["fault", "quota", "32", "--family", "g"]);
        for (count, kind, market) in
            [(2, "g4dn.xlarge", None), (1, "t3.micro", None), (1, "g4dn.xlarge", Some("spot"))]
        {
            let mut asked = json!({"ImageId": cloud.image(), "InstanceType": kind,
                "MinCount": count, "MaxCount": count});
            if let Some(market) = market {
                asked["InstanceMarketOptions"] = json!({"MarketType": market});
            }
            cloud.call("ec2", "run_instances", &asked);
        }
        let answers = ask(&plan).await;
        let machine = answers.machine.as_ref().unwrap().as_ref().unwrap();
        assert_eq!((machine.gpus, machine.gpu_name.as_str(), machine.vcpus), (1, "T4", 4));
        assert_eq!(
            answers.quota,
            Ok(Quota { limit: 32, used: 8, coming: 0 }),
            "only the same family and market"
        );
        assert!(answers.zones.as_ref().unwrap().len() > 1);
        assert!(answers.image.as_ref().unwrap().as_ref().unwrap().root_gb.is_some());
        let price = answers.price.as_ref().unwrap().as_ref().unwrap();
        assert!(price.per_hour > 0.5 && price.currency == "USD");
        assert!(
            answers.rights.iter().all(|tried| tried.outcome == Ok(Right::Given)),
            "{answers:?}"
        );

        let spot = ask(&Plan { market: Market::Spot, ..plan.clone() }).await;
        assert_eq!(spot.quota, Ok(Quota { limit: 32, used: 4, coming: 0 }));
        assert!(spot.price.unwrap().unwrap().per_hour < 0.3);

        let nothing =
            Plan { machine_type: "x9.nothing".to_owned(), image: "ami-0".to_owned(), ..plan };
        let nothing = ask(&nothing).await;
        assert_eq!((nothing.machine, nothing.zones), (Ok(None), Ok(Vec::new())));
        assert_eq!((nothing.image, nothing.price), (Ok(None), Ok(None)));
    });
}

#[test]
fn a_right_that_is_missing_takes_only_its_own_answer() {
    with_cloud("a_right_that_is_missing_takes_only_its_own_answer", &[], async |cloud| {
        let plan = plan(&cloud);
        for call in ["GetServiceQuota", "GetProducts"] {
            cloud.does(&["fault", "deny", "--action", call]);
        }
        let answers = ask(&plan).await;
        let missing = |right: &str| NoAnswer::NotAllowed(right.to_owned());
        assert_eq!(answers.quota, Err(missing("servicequotas:GetServiceQuota")));
        assert_eq!(answers.price, Err(missing("pricing:GetProducts")));
        assert!(answers.machine.is_ok() && answers.zones.is_ok() && answers.image.is_ok());

        // Before there is a group, a refusal says too little; afterwards it is certain.
        cloud.does(&["fault", "deny", "--action", "RunInstances"]);
        cloud.does(&["fault", "deny", "--action", "ImportKeyPair"]);
        let answers = ask(&plan).await;
        assert!(outcome(&answers, "RunInstances").is_err());
        assert!(matches!(outcome(&answers, "ImportKeyPair"), Ok(Right::Refused(_))));
        let group = json!({"GroupName": plan.security_group, "Description": "VMs"});
        cloud.call("ec2", "create_security_group", &group);
        let answers = ask(&plan).await;
        assert!(matches!(outcome(&answers, "RunInstances"), Ok(Right::Refused(_))));

        cloud.does(&["fault", "clear"]);
        cloud.does(&["fault", "credentials", "expired"]);
        assert!(matches!(ask(&plan).await.machine, Err(NoAnswer::NoLogin(_))));
    });
}

/// [`ask`] measures.
#[test]
fn an_aws_that_hangs_or_throttles_costs_less_than_five_seconds() {
    let name = "an_aws_that_hangs_or_throttles_costs_less_than_five_seconds";
    with_cloud(name, &[], async |cloud| {
        let plan = plan(&cloud);
        for fault in [&["delay", "30"][..], &["throttle"], &["outage"]] {
            cloud.does(&[&["fault"], fault].concat());
            let answers = ask(&plan).await;
            assert!(matches!(answers.machine, Err(NoAnswer::Failed(_))), "{fault:?}: {answers:?}");
            cloud.does(&["fault", "clear"]);
        }
    });
}
