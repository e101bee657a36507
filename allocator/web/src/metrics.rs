//! What `/metrics` tells: the names, and when they count.

use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use lablink_core::{secrets::Standing, tasks::Task};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const HTTP_REQUESTS: &str = "lablink_http_requests_total";
const HTTP_DURATION: &str = "lablink_http_request_duration_seconds";
const CLAIM_REQUESTS: &str = "lablink_claim_requests_total";
const HAND_OVER: &str = "lablink_hand_over_seconds";
const DEAD_TOKENS: &str = "lablink_dead_tokens_total";
const LOG_LINES: &str = "lablink_log_lines_total";
const LOG_LINES_DROPPED: &str = "lablink_log_lines_dropped_total";
const AGENT_REFUSALS: &str = "lablink_agent_refusals_total";
const VMS: &str = "lablink_vms";
const VMS_IN_USE: &str = "lablink_vms_in_use";
const WAITERS: &str = "lablink_waiters";
const CHANNELS: &str = "lablink_channels";
const OPERATIONS: &str = "lablink_operations";
const TASK_RUNS: &str = "lablink_task_runs_total";
const TASK_LAST_RUN: &str = "lablink_task_last_run_timestamp_seconds";
const TASK_FAILING: &str = "lablink_task_failing";
const AWS_LOGIN_VALID: &str = "lablink_aws_login_valid";
const AWS_LOGIN_ENDS: &str = "lablink_aws_login_ends_timestamp_seconds";
const CONNECTIONS: &str = "lablink_database_connections";

/// Upper bounds in seconds: from a hand-over that nobody notices to a wait of a minute.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Starts counting, for the whole process: once.
pub fn start() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for name in [HTTP_DURATION, HAND_OVER] {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)?;
    }
    let handle = builder.install_recorder()?;
    describe_counter!(HTTP_REQUESTS, "Requests answered, by method, route and status.");
    describe_histogram!(HTTP_DURATION, Unit::Seconds, "Time to answer, by route; waits included.");
    describe_counter!(CLAIM_REQUESTS, "Claim forms answered, by outcome.");
    describe_histogram!(HAND_OVER, Unit::Seconds, "From a participant's command to its agent.");
    describe_counter!(
        DEAD_TOKENS,
        "Dead tokens of agents shown, by what for: look at the VMs that are barred."
    );
    describe_counter!(LOG_LINES, "Log lines stored; repeated ones are not.");
    describe_counter!(LOG_LINES_DROPPED, "Log lines dropped, of VMs that sent too many.");
    describe_counter!(
        AGENT_REFUSALS,
        "Requests of VMs that were too many, by what there was too much of."
    );
    describe_gauge!(VMS, "VMs there are, by state.");
    describe_gauge!(VMS_IN_USE, "Claimed VMs whose subject software runs.");
    describe_gauge!(WAITERS, "Agents and pages that wait in this process.");
    describe_gauge!(CHANNELS, "Desktops that are shown by way of this process.");
    describe_gauge!(OPERATIONS, "Operations on record, by kind and state.");
    describe_counter!(TASK_RUNS, "Runs of this process's periodic tasks, by task and result.");
    describe_gauge!(TASK_LAST_RUN, Unit::Seconds, "When a periodic task last ended, by task.");
    describe_gauge!(TASK_FAILING, "1 where the last run of a periodic task failed, by task.");
    describe_gauge!(AWS_LOGIN_VALID, "1 where AWS accepts the credentials in use, else 0.");
    describe_gauge!(AWS_LOGIN_ENDS, Unit::Seconds, "When the credentials for AWS end, if known.");
    describe_gauge!(CONNECTIONS, "Connections of this process to the database, by state.");
    Ok(handle)
}

pub(crate) fn answered(method: &Method, route: &str, status: u16, after: Duration) {
    let (method, route) = (known(method), route.to_owned());
    histogram!(HTTP_DURATION, "route" => route.clone()).record(after);
    let status = status.to_string();
    counter!(HTTP_REQUESTS, "method" => method, "route" => route, "status" => status).increment(1);
}

/// A caller may make up as many methods as it likes: each would be counted for ever.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

pub(crate) fn claim_answered(outcome: &'static str) {
    counter!(CLAIM_REQUESTS, "outcome" => outcome).increment(1);
}

pub(crate) fn handed_over(after: Duration) {
    histogram!(HAND_OVER).record(after);
}

pub(crate) fn dead_token_shown(misuse: &'static str) {
    counter!(DEAD_TOKENS, "misuse" => misuse).increment(1);
}

pub(crate) fn log_lines_stored(lines: u64) {
    counter!(LOG_LINES).increment(lines);
}

pub(crate) fn log_lines_dropped(lines: u64) {
    counter!(LOG_LINES_DROPPED).increment(lines);
}

pub(crate) fn agent_refused(reason: &'static str) {
    counter!(AGENT_REFUSALS, "reason" => reason).increment(1);
}

/// What is looked up when somebody asks.
pub(crate) struct Snapshot {
    pub vms: lablink_core::vms::Counts,
    pub operations: Vec<(String, String, i64)>,
    pub waiters: usize,
    pub channels: usize,
    pub connections: lablink_core::db::Connections,
    pub tasks: Vec<Task>,
    /// None: nobody relies on AWS.
    pub aws: Option<Standing>,
}

impl Snapshot {
    pub fn record(self) {
        let Self { vms, operations, waiters, channels, connections, tasks, aws } = self;
        let states = [
            ("free", vms.free),
            ("claimed", vms.claimed),
            ("starting", vms.starting),
            ("overdue", vms.overdue),
            ("suspect", vms.suspect),
            ("barred", vms.barred),
            ("ending", vms.ending),
            // The others that an organiser should look at.
            ("attention", vms.attention() - vms.overdue - vms.suspect - vms.barred - vms.ending),
            ("offered", vms.offered),
            ("removing", vms.removing),
            ("used", vms.used),
            ("token_due", vms.token_due),
        ];
        for (state, count) in states {
            gauge!(VMS, "state" => state).set(float(count));
        }
        gauge!(VMS_IN_USE).set(float(vms.in_use));
        for (kind, state, count) in operations {
            gauge!(OPERATIONS, "kind" => kind, "state" => state).set(float(count));
        }
        gauge!(WAITERS).set(float(waiters));
        gauge!(CHANNELS).set(float(channels));
        let used = connections.open.saturating_sub(connections.idle);
        for (state, count) in
            [("used", used), ("idle", connections.idle), ("most", connections.most)]
        {
            gauge!(CONNECTIONS, "state" => state).set(float(count));
        }
        tasks.iter().for_each(record_task);
        if let Some(standing) = aws {
            record_login(&standing);
        }
    }
}

fn record_login(standing: &Standing) {
    let valid = standing.is_valid(Timestamp::now());
    gauge!(AWS_LOGIN_VALID).set(f64::from(u8::from(valid)));
    // One that was known once goes on being told, so an unknown end lies far away.
    let ends = standing.ends().map_or(f64::INFINITY, |ends| ends.as_duration().as_secs_f64());
    gauge!(AWS_LOGIN_ENDS).set(ends);
}

fn record_task(task: &Task) {
    let ended_well = task.runs - task.failures;
    for (result, runs) in [("succeeded", ended_well), ("failed", task.failures)] {
        counter!(TASK_RUNS, "task" => task.name, "result" => result).absolute(runs);
    }
    let Some(last) = &task.last else { return };
    let ended = last.began_at.as_duration().as_secs_f64() + last.took.as_secs_f64();
    gauge!(TASK_LAST_RUN, "task" => task.name).set(ended);
    gauge!(TASK_FAILING, "task" => task.name).set(f64::from(u8::from(last.outcome.is_err())));
}

/// Exact up to 2^32, and nobody counts further here.
fn float(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
