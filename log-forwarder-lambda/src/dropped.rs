use std::{io::Write, time::SystemTime};

use serde_json::json;

/// Lines that are given up, since sending them again would end in the same way.
pub enum Dropped<'a> {
    /// How many log events the allocator refused.
    Events { count: usize, log_stream: &'a str },
    /// One whole batch, which could not be read.
    Batch,
}

/// Writes a line that `CloudWatch` makes a metric of (its "embedded metric format"), with the
/// reason beside it.
pub fn report(function: &str, dropped: &Dropped<'_>, reason: &str) {
    let line = line(function, dropped, reason, SystemTime::now());
    // A log that can't be written to is no reason to fail as well.
    let _unwritten = writeln!(std::io::stdout(), "{line}");
}

fn line(function: &str, dropped: &Dropped<'_>, reason: &str, now: SystemTime) -> String {
    let (metric, count, log_stream) = match dropped {
        Dropped::Events { count, log_stream } => ("LogEventsDropped", *count, Some(log_stream)),
        Dropped::Batch => ("BatchesDropped", 1, None),
    };
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut line = json!({
        "_aws": {
            "Timestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
            "CloudWatchMetrics": [{
                "Namespace": "LabLink",
                "Dimensions": [["FunctionName"]],
                "Metrics": [{ "Name": metric, "Unit": "Count" }],
            }],
        },
        "FunctionName": function,
        "log_stream": log_stream,
        "reason": reason,
    });
    line[metric] = count.into();
    line.to_string()
}
