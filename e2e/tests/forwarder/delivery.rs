use std::time::Duration;

use lablink_e2e::lambda::{LogEvent, Outcome, packed, subscription};
use serde_json::json;

use crate::allocator::{FakeAllocator, TOKEN, VM};

const TIME: Duration = Duration::from_secs(30);

fn answered(delivered: usize, dropped: usize) -> Outcome {
    Outcome::Answered(json!({ "delivered": delivered, "dropped": dropped }))
}

#[tokio::test]
async fn a_batch_arrives_as_one_post_with_the_token() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let events = [LogEvent::new(1, "one"), LogEvent::new(2, "\u{1b}[31mtwo\u{1b}[0m\n<\"ä\">")];
    let outcome = forwarder.invoke(&subscription(VM, &events).unwrap(), TIME).await.unwrap();
    assert_eq!(outcome, answered(2, 0));
    let [one, two] = &events;
    assert_eq!(
        allocator.taken(),
        [json!({
            "log_group": "lablink-cloud-init-test",
            "log_stream": VM,
            "messages": [one.message, two.message],
            "timestamps": [one.timestamp, two.timestamp],
            "event_ids": [one.id, two.id],
        })]
    );
    assert_eq!(allocator.tokens(), [format!("Bearer {TOKEN}")]);
    assert!(!forwarder.output().contains(TOKEN), "{}", forwarder.output());
    assert!(!forwarder.output().contains("two"), "lines stay out of its own log");
}

#[tokio::test]
async fn a_control_message_is_ignored() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let control = json!({
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [{ "id": "", "timestamp": 1_772_355_600_000_i64,
            "message": "CWL CONTROL MESSAGE: Checking health of destination Lambda function." }],
    });
    let control = packed(control.to_string().as_bytes()).unwrap();
    assert_eq!(forwarder.invoke(&control, TIME).await.unwrap(), answered(0, 0));
    assert_eq!(allocator.requests(), 0);
    assert!(forwarder.metrics().is_empty());
}

#[tokio::test]
async fn ten_thousand_lines_in_one_event_arrive_whole_and_in_order() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let lines: Vec<String> = (0..10_000).map(|nr| format!("line {nr} of a long output")).collect();
    let event = LogEvent::new(1, lines.join("\n"));
    let outcome = forwarder.invoke(&subscription(VM, &[event]).unwrap(), TIME).await.unwrap();
    assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
    let arrived: Vec<String> = allocator
        .messages()
        .iter()
        .flat_map(|message| message.trim_end_matches('\n').split('\n').map(str::to_owned))
        .collect();
    assert_eq!(arrived, lines);
}

#[tokio::test]
async fn a_large_batch_comes_in_parts_under_one_megabyte() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let text = "x".repeat(330);
    let events: Vec<_> = (0..10_000).map(|nr| LogEvent::new(nr, format!("{nr} {text}"))).collect();
    let outcome = forwarder.invoke(&subscription(VM, &events).unwrap(), TIME).await.unwrap();
    assert_eq!(outcome, answered(10_000, 0));
    let sizes = allocator.sizes();
    assert!(sizes.iter().all(|size| *size < 1_000_000), "{sizes:?}");
    assert_eq!(sizes.len(), 5, "few and full: {sizes:?}");
    let sent: Vec<_> = events.into_iter().map(|event| event.message).collect();
    assert_eq!(allocator.messages(), sent);
}

#[tokio::test]
async fn invocations_share_one_connection() {
    let allocator = FakeAllocator::start(&[]).await;
    let forwarder = allocator.forwarder().await;
    let payload = subscription(VM, &[LogEvent::new(1, "x")]).unwrap();
    for _ in 0..20 {
        assert_eq!(forwarder.invoke(&payload, TIME).await.unwrap(), answered(1, 0));
    }
    assert_eq!(allocator.connections(), 1);
}
