use std::{sync::Arc, time::Duration};

use lablink_config::Config;
use lablink_core::{
    Scope, events, line, logs, operations, scope,
    secrets::AwsLogin,
    tasks::Driver,
    usage,
    vms::{self, Watch},
};
use lablink_provision::collect::ZipCollector;

/// How often the waiting line is served, in addition to what each change does at once.
const LINE: Duration = Duration::from_secs(5);
/// How exact counts of VMs are as to silence.
const STATES: Duration = Duration::from_secs(1);
/// How often to point out silent VMs.
const WATCH: Duration = Duration::from_secs(5);
const OVERDUE_OPERATIONS: Duration = Duration::from_secs(30);
const LOG_LINES: Duration = Duration::from_secs(60);
const ARCHIVES: Duration = Duration::from_mins(10);
const HISTORY: Duration = Duration::from_hours(1);
/// How often the pool is counted for the chart of its use.
const USE: Duration = Duration::from_secs(60);
/// Keys that end are told an hour before; ones that AWS takes back, within a minute.
const AWS_LOGIN: Duration = Duration::from_secs(60);
const KEYS: Duration = Duration::from_hours(1);

/// Starts the periodic tasks of this allocator.
pub fn begin(
    config: &Config,
    scope: &Scope,
    collector: &Arc<ZipCollector>,
    aws: &Arc<AwsLogin>,
) -> Driver {
    let mut driver = Driver::default();
    let its = scope.clone();
    driver.begin("waiting line", "Gives free VMs to the people in line.", LINE, move || {
        let scope = its.clone();
        async move { line::tend(&scope).await }
    });
    let its = scope.clone();
    let does = "Marks VMs that have become silent, and adds up how many are in each state.";
    driver.begin("states of VMs", does, STATES, move || {
        let scope = its.clone();
        async move { vms::keep_states(&scope).await }
    });
    let limits = vms::Limits {
        suspect_after: config.health.suspect_after,
        overdue_after: config.health.overdue_after,
    };
    let watch = Arc::new(Watch::new(scope.clone(), limits, WATCH));
    driver.begin("silent VMs", "Points out VMs that do not report.", WATCH, move || {
        let watch = Arc::clone(&watch);
        async move { watch.look().await }
    });
    let its = scope.clone();
    let does = "Ends operations that run past their deadline.";
    driver.begin("overdue operations", does, OVERDUE_OPERATIONS, move || {
        let scope = its.clone();
        async move { operations::end_overdue(&scope).await }
    });
    let its = scope.db.clone();
    let kept = logs::Retention { age: config.logs.age(), bytes_per_vm: config.logs.bytes_per_vm() };
    driver.begin("log lines", "Drops log lines that are old or too many.", LOG_LINES, move || {
        let db = its.clone();
        async move { logs::sweep(&db, kept).await }
    });
    let its = scope.db.clone();
    let kept = events::Retention {
        age: config.history.age(),
        per_vm: config.history.keep_events_per_vm.map(|most| i64::from(most.get())),
    };
    driver.begin("history", "Drops events that are old or too many.", HISTORY, move || {
        let db = its.clone();
        async move { events::sweep(&db, kept).await }
    });
    let collector = Arc::clone(collector);
    driver.begin("archives", "Removes old archives of results.", ARCHIVES, move || {
        let collector = Arc::clone(&collector);
        async move { collector.tidy_shelf().await }
    });
    let its = scope.clone();
    driver.begin("use over time", "Counts VMs for the chart of their use.", USE, move || {
        let scope = its.clone();
        async move { usage::record(&scope).await }
    });
    if aws.identity.is_some() {
        let (its, aws) = (scope.clone(), Arc::clone(aws));
        let does = "Asks AWS whether it accepts the credentials in use.";
        driver.begin("AWS login", does, AWS_LOGIN, move || {
            let (scope, aws) = (its.clone(), Arc::clone(&aws));
            async move { aws.look(&scope).await }
        });
    }
    let its = scope.db.clone();
    driver.begin("request keys", "Forgets keys of requests after a week.", KEYS, move || {
        let db = its.clone();
        async move { scope::forget_old(&db).await }
    });
    driver
}
