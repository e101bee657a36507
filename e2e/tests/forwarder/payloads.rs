use std::time::Duration;

use lablink_e2e::lambda::{FUNCTION_NAME, Lambda, LogEvent, Outcome, packed, subscription};
use serde_json::{Value, json};

use crate::allocator::{FakeAllocator, TOKEN, VM};

const TIME: Duration = Duration::from_secs(30);
/// What the function is given in `infra/forwarder.tf`, in bytes.
const MEMORY: u64 = 128 * 1024 * 1024;

#[tokio::test]
async fn a_gzip_bomb_is_dropped_with_a_metric_and_fits_in_memory() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let bomb = packed(&vec![b' '; 256 * 1024 * 1024]).unwrap();
    let outcome = forwarder.invoke(&bomb, TIME).await.unwrap();
    assert_eq!(outcome, Outcome::Answered(json!({ "delivered": 0, "dropped": 0 })));
    let [metric] = &forwarder.metrics()[..] else { panic!("{}", forwarder.output()) };
    assert_eq!(metric["BatchesDropped"], 1);
    assert!(metric["reason"].as_str().unwrap().contains("larger than"), "{metric}");
    assert!(forwarder.peak_memory().unwrap() < MEMORY / 2);
    assert_eq!(allocator.requests(), 0);

    let fine = subscription(VM, &[LogEvent::new(1, "still there")]).unwrap();
    forwarder.invoke(&fine, TIME).await.unwrap();
    assert_eq!(allocator.messages(), ["still there"]);
}

#[tokio::test]
async fn lines_of_another_account_or_log_group_are_dropped_with_a_metric() {
    let allocator = FakeAllocator::start(&[]).await;
    let endpoint = allocator.endpoint();
    let environment = [
        ("API_ENDPOINT", &*endpoint),
        ("LABLINK_LOG_TOKEN", TOKEN),
        ("LABLINK_LOG_GROUP", "lablink-cloud-init-test"),
    ];
    let forwarder = Lambda::start(&environment).await.unwrap();
    let batch = |owner: &str, log_group: &str| {
        let batch = json!({
            "messageType": "DATA_MESSAGE", "owner": owner, "logGroup": log_group, "logStream": VM,
            "subscriptionFilters": [], "logEvents": [LogEvent::new(1, "forged")],
        });
        packed(batch.to_string().as_bytes()).unwrap()
    };
    for (payload, says) in [
        (batch("999999999999", "lablink-cloud-init-test"), "another account"),
        (batch("123456789012", "lablink-cloud-init-prod"), "another log group"),
    ] {
        let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
        assert_eq!(outcome, Outcome::Answered(json!({ "delivered": 0, "dropped": 1 })));
        let metric = forwarder.metrics().pop().unwrap();
        assert_eq!(metric["LogEventsDropped"], 1, "{metric}");
        assert!(metric["reason"].as_str().unwrap().contains(says), "{metric}");
    }
    assert_eq!(allocator.requests(), 0);
    let own = batch("123456789012", "lablink-cloud-init-test");
    forwarder.invoke(&own, TIME).await.unwrap();
    assert_eq!(allocator.messages(), ["forged"]);
}

#[tokio::test]
async fn the_largest_batch_of_the_smallest_events_fits_in_memory() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let events: Vec<_> = (0..145_000).map(|nr| LogEvent::new(nr, "")).collect();
    let payload = subscription(VM, &events).unwrap();
    let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
    assert_eq!(outcome, Outcome::Answered(json!({ "delivered": 145_000, "dropped": 0 })));
    let peak = forwarder.peak_memory().unwrap();
    assert!(peak < MEMORY, "{} MB", peak / 1_000_000);
}

#[tokio::test]
async fn what_can_not_be_read_is_dropped_with_a_metric_and_its_reason() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let whole = packed(b"{}").unwrap()["awslogs"]["data"].as_str().unwrap().to_owned();
    for (payload, says) in [
        (json!({ "awslogs": { "data": "no base64!" } }), "not base64"),
        (json!({ "awslogs": { "data": "bm8gZ3ppcA==" } }), "unpacked by gzip"),
        (json!({ "awslogs": { "data": &whole[..20] } }), "unpacked by gzip"),
        (packed(b"no json").unwrap(), "not JSON"),
        (packed(b"{}").unwrap(), "not JSON"),
        (packed(b"").unwrap(), "not JSON"),
    ] {
        let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
        assert!(matches!(outcome, Outcome::Answered(_)), "{payload}: {outcome:?}");
        let metric = forwarder.metrics().pop().unwrap();
        assert!(metric["reason"].as_str().unwrap().contains(says), "{payload}: {metric}");
        assert_eq!(metric["FunctionName"], FUNCTION_NAME);
    }
    assert_eq!(forwarder.metrics().len(), 6);
    assert_eq!(allocator.requests(), 0);
}

#[tokio::test]
async fn a_call_that_is_no_subscription_fails_and_the_next_one_works() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    for payload in [json!({}), json!("x"), json!({ "awslogs": { "data": 5 } }), Value::Null] {
        let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
        assert!(matches!(outcome, Outcome::Failed(_)), "{payload}: {outcome:?}");
    }
    let fine = subscription(VM, &[LogEvent::new(1, "x")]).unwrap();
    forwarder.invoke(&fine, TIME).await.unwrap();
    assert_eq!(allocator.messages(), ["x"]);
}
