//! From `CloudWatch` through the real program and the real allocator into a real Postgres.

use std::time::{Duration, Instant};

use lablink_e2e::lambda::{LogEvent, Outcome, subscription};
use serde_json::json;

use crate::real_allocator::RealAllocator;

/// Generous: this machine may be busy.
const TIME: Duration = Duration::from_secs(120);
const EVENTS: usize = 500;

/// Each batch comes twice, as AWS may bring it, from several VMs; every line is there once, in
/// order.
async fn stored_exactly_once(lines: usize, vms: usize) {
    let allocator = RealAllocator::start().await;
    let forwarder = allocator.forwarder().await;
    let hostname = |vm: usize| format!("lablink-vm-dev-{}", vm + 1);
    for vm in 0..vms {
        allocator.add_vm(&hostname(vm)).await;
    }
    let line = |nr: usize| format!("2026-03-01 09:00:00,123 INFO step {nr} of the training");
    let per_vm = lines / vms;
    let started = Instant::now();
    for from in (0..per_vm).step_by(EVENTS) {
        for vm in 0..vms {
            let to = (from + EVENTS).min(per_vm);
            let events: Vec<_> = (from..to).map(|nr| LogEvent::new(nr, line(nr))).collect();
            let payload = subscription(&hostname(vm), &events).unwrap();
            for _ in 0..2 {
                let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
                let all = json!({ "delivered": to - from, "dropped": 0 });
                assert_eq!(outcome, Outcome::Answered(all));
            }
        }
    }
    let took = started.elapsed();
    for vm in 0..vms {
        let log = allocator.log(&hostname(vm)).await;
        let wrong = log.lines().enumerate().find(|(nr, stored)| *stored != line(*nr));
        assert_eq!(wrong, None, "{}", hostname(vm));
        assert_eq!(log.lines().count(), per_vm, "{}", hostname(vm));
    }
    println!("{lines} lines from {vms} VMs, each sent twice, stored once; took {took:?}");
}

#[tokio::test]
async fn lines_that_come_twice_are_stored_once() {
    stored_exactly_once(8_000, 4).await;
}

#[tokio::test]
#[ignore = "takes minutes: make test-logs"]
async fn a_million_lines_that_come_twice_are_stored_once() {
    stored_exactly_once(1_000_000, 20).await;
}

#[tokio::test]
async fn lines_of_an_unknown_vm_are_dropped_with_a_metric() {
    let allocator = RealAllocator::start().await;
    let forwarder = allocator.forwarder().await;
    let payload = subscription("lablink-vm-dev-9", &[LogEvent::new(1, "x")]).unwrap();
    let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
    assert_eq!(outcome, Outcome::Answered(json!({ "delivered": 0, "dropped": 1 })));
    let [metric] = &forwarder.metrics()[..] else { panic!("{}", forwarder.output()) };
    assert_eq!(metric["LogEventsDropped"], 1);
    assert!(metric["reason"].as_str().unwrap().contains("VM not found."), "{metric}");
}
