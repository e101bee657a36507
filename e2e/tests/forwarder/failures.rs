use std::time::{Duration, Instant};

use lablink_e2e::lambda::{FUNCTION_NAME, Lambda, LogEvent, Outcome, subscription};
use serde_json::{Value, json};

use crate::allocator::{Act, FakeAllocator, TOKEN, VM};

const TIME: Duration = Duration::from_secs(30);

fn payload() -> Value {
    subscription(VM, &[LogEvent::new(1, "one"), LogEvent::new(2, "two")]).unwrap()
}

fn failure(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(error) => error["errorMessage"].as_str().unwrap().to_owned(),
        Outcome::Answered(answer) => panic!("it answered {answer}"),
    }
}

#[tokio::test]
async fn what_may_heal_is_tried_again_until_it_does() {
    let trouble = [401, 403, 408, 429, 500, 502, 503].map(Act::Answer);
    for trouble in trouble.into_iter().chain([Act::HangUp]) {
        let allocator = FakeAllocator::start(&[trouble, trouble]).await;
        let forwarder = allocator.forwarder().await;
        let outcome = forwarder.invoke(&payload(), TIME).await.unwrap();
        assert!(matches!(outcome, Outcome::Answered(_)), "{trouble:?}: {outcome:?}");
        assert_eq!(allocator.messages(), ["one", "two"], "{trouble:?}");
        assert_eq!(allocator.requests(), 3, "{trouble:?}");
        assert!(forwarder.metrics().is_empty(), "{trouble:?}");
    }
}

#[tokio::test]
async fn permanent_refusals_are_dropped_with_a_metric_and_the_rest_goes_on() {
    for status in [400, 404, 413, 422] {
        let allocator = FakeAllocator::start(&[Act::Answer(status)]).await;
        let forwarder = allocator.forwarder().await;
        let text = "x".repeat(200);
        let events: Vec<_> = (0..6_000).map(|nr| LogEvent::new(nr, &*text)).collect();
        let payload = subscription(VM, &events).unwrap();
        let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
        assert_eq!(allocator.requests(), 2, "{status}: each part once");
        let arrived = allocator.messages().len();
        let dropped = 6_000 - arrived;
        assert!(dropped > 0 && arrived > 0, "{status}");
        assert_eq!(outcome, Outcome::Answered(json!({ "delivered": arrived, "dropped": dropped })));
        let [metric] = &forwarder.metrics()[..] else { panic!("{}", forwarder.output()) };
        assert_eq!(metric["LogEventsDropped"], dropped);
        assert_eq!(metric["FunctionName"], FUNCTION_NAME);
        assert_eq!(metric["log_stream"], VM);
        let reason = metric["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("Refused with {status}.")), "{reason}");
        let described = &metric["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(described["Metrics"][0]["Name"], "LogEventsDropped");
        assert_eq!(described["Dimensions"], json!([["FunctionName"]]));
        assert!(metric["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }
}

#[tokio::test]
async fn a_failure_that_stays_fails_the_invocation_in_time_and_says_why() {
    let allocator = FakeAllocator::start(&[Act::Answer(503); 1000]).await;
    let forwarder = allocator.forwarder().await;
    let start = Instant::now();
    let error = failure(forwarder.invoke(&payload(), Duration::from_secs(4)).await.unwrap());
    assert!(error.contains("503") && error.contains("Refused with 503."), "{error}");
    assert!(start.elapsed() > Duration::from_millis(500), "it did not try for long");
    assert!((3..50).contains(&allocator.requests()), "{} requests", allocator.requests());
}

#[tokio::test]
async fn an_allocator_that_hangs_fails_the_invocation_in_time() {
    let allocator = FakeAllocator::start(&[Act::Hang; 100]).await;
    let forwarder = allocator.forwarder().await;
    let error = failure(forwarder.invoke(&payload(), Duration::from_secs(3)).await.unwrap());
    assert!(error.contains("does not answer"), "{error}");
}

#[tokio::test]
async fn a_slow_allocator_is_waited_for() {
    let allocator = FakeAllocator::start(&[Act::Slow(Duration::from_secs(2))]).await;
    let forwarder = allocator.forwarder().await;
    forwarder.invoke(&payload(), TIME).await.unwrap();
    assert_eq!(allocator.messages(), ["one", "two"]);
    assert_eq!(allocator.requests(), 1);
}

#[tokio::test]
async fn no_allocator_at_all_fails_the_invocation_and_later_ones_work() {
    let gone = FakeAllocator::start(&[]).await.endpoint();
    let environment = [("API_ENDPOINT", &*gone), ("LABLINK_LOG_TOKEN", TOKEN)];
    let forwarder = Lambda::start(&environment).await.unwrap();
    for _ in 0..2 {
        let outcome = forwarder.invoke(&payload(), Duration::from_secs(3)).await.unwrap();
        let error = failure(outcome);
        assert!(error.contains("can't be reached"), "{error}");
        assert!(!error.contains(TOKEN));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_says_what_to_write() {
    let allocator = FakeAllocator::start(&[Act::Answer(307); 1000]).await;
    let forwarder = allocator.forwarder().await;
    let error = failure(forwarder.invoke(&payload(), Duration::from_secs(3)).await.unwrap());
    assert!(error.contains("307"), "{error}");
    assert!(allocator.taken().is_empty());
}
