//! What AWS tells of a deployment.

use jiff::Timestamp;
use lablink_aws_calls::{Aws, CallError, Found};
use lablink_checks::{Checkup, Code, Finding};
use lablink_config::{Config, Environment};
use serde::Deserialize;

/// Locks that are younger belong to somebody who works.
const OLD_LOCK: i64 = 3600;
/// Lines of the console that are shown.
const LINES: usize = 15;

pub async fn add_to(checkup: &mut Checkup, config: &Config, environment: &Environment) {
    let region = Some(config.app.region.clone());
    let aws = Aws::find(Found { region, profile: config.aws.profile.clone() }).await;
    let its = aws.clone();
    checkup.check(Code::Identity, &[], move || {
        let aws = its.clone();
        async move { identity(&aws).await }
    });
    let named = |between: &str| match &config.deployment_name {
        Some(name) => format!("{name}{between}{environment}"),
        None => environment.to_string(),
    };
    if let Some(bucket) = config.bucket_name.clone().filter(|_| environment.has_remote_state()) {
        let folder = named("/");
        let (its, place) = (aws.clone(), bucket.clone());
        checkup.check(Code::Bucket, &[Code::Identity], move || {
            let (aws, bucket) = (its.clone(), place.clone());
            async move { bucket_is_there(&aws, &bucket).await }
        });
        let its = aws.clone();
        checkup.check(Code::StateLock, &[Code::Bucket], move || {
            let (aws, bucket, folder) = (its.clone(), bucket.clone(), folder.clone());
            async move { lock(&aws, &bucket, &folder).await }
        });
    }
    let host = format!("lablink-allocator-{}", named("-"));
    let (its, name) = (aws.clone(), host.clone());
    checkup.check(Code::Host, &[Code::Identity], move || {
        let (aws, name) = (its.clone(), name.clone());
        async move { host_runs(&aws, &name).await }
    });
    checkup.check(Code::HostLog, &[Code::Host], move || {
        let (aws, name) = (aws.clone(), host.clone());
        async move { host_log(&aws, &name).await }
    });
}

async fn identity(aws: &Aws) -> Finding {
    match aws.caller().await {
        Ok(caller) => Finding::well(format!("AWS knows you as {}.", caller.arn)),
        Err(error) => Finding::broken(
            format!("AWS does not take your credentials: {error}."),
            "Log in again, or set AWS_PROFILE.",
        ),
    }
}

async fn bucket_is_there(aws: &Aws, bucket: &str) -> Finding {
    match aws.has_bucket(bucket).await {
        Ok(true) => Finding::well(format!("The bucket {bucket} can be read.")),
        Ok(false) => Finding::broken(
            format!("There is no bucket {bucket}."),
            "Make it: lablink setup. If it was there, restore it before anything is launched.",
        ),
        Err(error) => unanswered(&error),
    }
}

/// What Terraform writes into a lock.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lock {
    #[serde(rename = "ID")]
    id: String,
    who: String,
    created: Timestamp,
}

async fn lock(aws: &Aws, bucket: &str, folder: &str) -> Finding {
    for state in ["terraform.tfstate", "client/terraform.tfstate"] {
        match aws.text(bucket, &format!("{folder}/{state}.tflock")).await {
            Ok(None) => {}
            Ok(Some(text)) => return judge_lock(state, &text, Timestamp::now()),
            Err(error) => return unanswered(&error),
        }
    }
    Finding::well("Nobody holds the lock of a state.")
}

fn judge_lock(state: &str, text: &str, now: Timestamp) -> Finding {
    let Ok(Lock { id, who, created }) = serde_json::from_str(text) else {
        return Finding::warning(
            format!("The lock of {state} can't be read."),
            "Look at it in the bucket.",
        );
    };
    let day = created.strftime("%Y-%m-%d %H:%M UTC");
    if now.as_second() - created.as_second() < OLD_LOCK {
        return Finding::well(format!("{who} works on {state}, since {day}."));
    }
    Finding::broken(
        format!("{who} has held the lock of {state} since {day}."),
        format!("If that Terraform does not run any more: terraform force-unlock {id}."),
    )
}

async fn host_runs(aws: &Aws, name: &str) -> Finding {
    let todo = "Start it in the EC2 console, or run lablink deploy.";
    match aws.instances_by_tags(&[("Name", name), ("ManagedBy", "lablink-infra")]).await {
        Err(error) => unanswered(&error),
        Ok(found) => match found.iter().find(|it| it.state == "running") {
            Some(host) => Finding::well(format!("{} ({name}) runs.", host.id)),
            None => {
                let states: Vec<&str> = found.iter().map(|it| it.state.as_str()).collect();
                let states =
                    if states.is_empty() { "there is none".into() } else { states.join(", ") };
                Finding::broken(format!("No host {name} runs: {states}."), todo)
            }
        },
    }
}

async fn host_log(aws: &Aws, name: &str) -> Finding {
    let running = match aws.instances_by_tags(&[("Name", name)]).await {
        Ok(found) => found.into_iter().find(|it| it.state == "running"),
        Err(error) => return unanswered(&error),
    };
    let Some(host) = running else { return Finding::skipped("No host runs.") };
    match aws.console(&host.id).await {
        Err(error) => unanswered(&error),
        Ok(console) => judge_console(&console),
    }
}

/// The host writes there why its allocator does not run, and marks these lines.
fn judge_console(console: &str) -> Finding {
    let own: Vec<&str> =
        console.lines().filter_map(|line| line.trim().strip_prefix("lablink| ")).collect();
    if own.is_empty() {
        return Finding::well("The host has told of no fault.");
    }
    let last = own[own.len().saturating_sub(LINES)..].join(" / ");
    Finding::broken(
        format!("The allocator does not run on its host, whose last lines are: {last}"),
        "Correct that, and apply infra again, or restart lablink-allocator there.",
    )
}

fn unanswered(error: &CallError) -> Finding {
    Finding::broken(
        format!("AWS does not tell: {error}."),
        "Give yourself the right that is named, or look again later.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_nobody_frees_is_told_with_its_id() {
        let text =
            r#"{"ID": "a-b", "Who": "me@there", "Created": "2026-01-01T00:00:00.5Z", "x": 1}"#;
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(judge_lock("s", text, at("2026-01-01T00:10:00Z")).word(), "well");
        let old = judge_lock("s", text, at("2026-01-02T00:00:00Z"));
        assert!(old.is_broken() && old.todo().unwrap().contains("force-unlock a-b"));
    }

    #[test]
    fn a_host_that_gave_up_is_heard() {
        let quiet = "cloud-init: done\nlogin:";
        assert_eq!(judge_console(quiet).word(), "well");
        let told = judge_console("x\r\nlablink| not fit to be served\r\nlablink| set ssl\r\n");
        assert!(told.is_broken() && told.seen().contains("not fit to be served / set ssl"));
    }
}
