use std::collections::HashMap;

use lablink_aws_calls::{
    Aws, CallError,
    ec2::{Check as AwsCheck, Health, Instance, SpotRequest},
};
use lablink_core::aws::{Check, Finding, Told};
use lablink_protocol::CloudNotice;

/// How these instances are. Those that EC2 does not know any more are left out.
pub async fn how_are(aws: &Aws, ids: &[String]) -> Result<HashMap<String, Told>, CallError> {
    let instances = aws.instances_by_id(ids).await?;
    let running: Vec<&str> = instances.iter().filter(|it| it.runs()).map(id).collect();
    let spot: Vec<&str> = instances.iter().filter(|it| it.is_spot).map(id).collect();
    let (health, requests) = tokio::join!(health(aws, &running), requests(aws, &spot));
    let (health, requests) = (health?, requests?);
    let told = instances.iter().map(|instance| {
        let health = health.iter().find(|it| it.instance_id == instance.id);
        let request =
            requests.iter().find(|it| it.instance_id.as_deref() == Some(instance.id.as_str()));
        (instance.id.clone(), told(instance, health, request))
    });
    Ok(told.collect())
}

fn id(instance: &Instance) -> &str {
    &instance.id
}

/// Nobody is asked about nothing, which AWS would take for everything.
async fn health(aws: &Aws, ids: &[&str]) -> Result<Vec<Health>, CallError> {
    if ids.is_empty() { Ok(Vec::new()) } else { aws.health(ids).await }
}

async fn requests(aws: &Aws, ids: &[&str]) -> Result<Vec<SpotRequest>, CallError> {
    if ids.is_empty() { Ok(Vec::new()) } else { aws.spot_requests(ids).await }
}

fn told(instance: &Instance, health: Option<&Health>, request: Option<&SpotRequest>) -> Told {
    Told { finding: finding(instance, health), notice: notice(health, request) }
}

fn finding(instance: &Instance, health: Option<&Health>) -> Finding {
    let said = || instance.transition.clone().filter(|said| !said.is_empty());
    match instance.state.as_str() {
        "stopping" | "stopped" => Finding::Stopped { said: said() },
        "shutting-down" | "terminated" => Finding::Ended { said: said() },
        "pending" => Finding::Starts,
        _ => health.map_or(Finding::Runs, checked),
    }
}

fn checked(health: &Health) -> Finding {
    let checks = [
        (health.instance, Check::Machine),
        (health.system, Check::Hardware),
        (health.disks, Check::Disks),
    ];
    let failing: Vec<Check> =
        checks.iter().filter(|it| it.0 == AwsCheck::Failed).map(|it| it.1).collect();
    if !failing.is_empty() {
        Finding::Impaired { checks: failing }
    } else if checks.iter().any(|it| it.0 == AwsCheck::Initializing) {
        Finding::Starts
    } else {
        Finding::Runs
    }
}

/// As the agent would tell it, if it were heard.
fn notice(health: Option<&Health>, request: Option<&SpotRequest>) -> CloudNotice {
    /// AWS takes a machine back two minutes after it has said so.
    const NOTICE: jiff::SignedDuration = jiff::SignedDuration::from_mins(2);
    if let Some(request) = request.filter(|it| it.is_noticed()) {
        let action = request.status.trim_start_matches("marked-for-");
        let action = if action == "stop" { "stop" } else { "terminate" };
        let time = request.since.map(|since| (since + NOTICE).to_string()).unwrap_or_default();
        return CloudNotice::TakenBack { action: action.to_owned(), time };
    }
    let event = health.and_then(|health| health.events.iter().find(|event| !event.is_over));
    match event {
        Some(event) => CloudNotice::Maintenance {
            code: event.code.clone(),
            description: event.description.clone(),
            from: event
                .begins_at
                .map(|at| at.strftime("%-d %b %Y %H:%M:%S GMT").to_string())
                .unwrap_or_default(),
        },
        None => CloudNotice::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(instance: AwsCheck, system: AwsCheck) -> Health {
        Health {
            instance_id: "i-0".to_owned(),
            state: "running".to_owned(),
            instance,
            system,
            disks: AwsCheck::Unknown,
            events: Vec::new(),
        }
    }

    #[test]
    fn a_check_that_fails_is_worse_than_one_that_is_not_done() {
        use AwsCheck::{Failed, Initializing, Passed};
        assert_eq!(checked(&health(Passed, Passed)), Finding::Runs);
        assert_eq!(checked(&health(Initializing, Passed)), Finding::Starts);
        let impaired = Finding::Impaired { checks: vec![Check::Hardware] };
        assert_eq!(checked(&health(Initializing, Failed)), impaired);
    }

    #[test]
    fn a_spot_machine_ends_two_minutes_after_the_notice() {
        let request = SpotRequest {
            id: "sir-0".to_owned(),
            instance_id: Some("i-0".to_owned()),
            state: "active".to_owned(),
            status: "marked-for-termination".to_owned(),
            message: String::new(),
            since: Some("2026-11-26T10:30:00Z".parse().unwrap()),
        };
        let expected = CloudNotice::TakenBack {
            action: "terminate".to_owned(),
            time: "2026-11-26T10:32:00Z".to_owned(),
        };
        assert_eq!(notice(None, Some(&request)), expected);
        let fulfilled = SpotRequest { status: "fulfilled".to_owned(), ..request };
        assert_eq!(notice(None, Some(&fulfilled)), CloudNotice::None);
    }
}
