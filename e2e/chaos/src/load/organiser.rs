use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{As, Body, ChaosLab, Dice, Phase, manual::Desks};
use crate::{
    clock::At,
    history::{Then, Wish},
};

/// The organiser stops watching an operation that runs for longer.
const PATIENCE: At = 60_000;

/// Launches, takes back, replaces, destroys, cancels: at random, but so that there are VMs.
pub async fn work(mut lab: ChaosLab, desks: Desks, mut dice: Dice) {
    let mut running_since = BTreeMap::new();
    while !lab.is(Phase::Over) {
        let vms = list(&lab, "/api/vms?limit=1000", "vms").await;
        let operations = list(&lab, "/api/operations", "operations").await;
        if let (Some(vms), Some(operations)) = (vms, operations) {
            cancel_what_hangs(&lab, &operations, &mut running_since).await;
            if lab.is(Phase::Busy) {
                act(&lab, &desks, &vms, &operations, &mut dice).await;
            }
        }
        lab.pause(dice.millis(1000, 4000)).await;
    }
}

async fn list(lab: &ChaosLab, path: &str, name: &str) -> Option<Vec<Value>> {
    let answer = lab.client.get(As::Organiser, path).await?;
    answer.json()[name].as_array().cloned()
}

async fn act(lab: &ChaosLab, desks: &Desks, vms: &[Value], operations: &[Value], dice: &mut Dice) {
    let launched: Vec<&Value> = vms.iter().filter(|vm| vm["source"] == "local").collect();
    let busy = operations.iter().filter(|it| it["finished_at"].is_null()).count();
    // Now and then only: the right state may come back by itself.
    if let Some(id) = stopped_by_state(operations).filter(|_| busy == 0 && dice.chance(40)) {
        return bring_back(lab, id).await;
    }
    if launched.len() < lab.vms && busy < 4 {
        return launch(lab, (lab.vms - launched.len()).min(3)).await;
    }
    let claimed: Vec<&Value> = vms.iter().filter(|vm| !vm["claim"].is_null()).collect();
    let broken: Vec<&Value> =
        launched.iter().copied().filter(|vm| vm["status"] == "error").collect();
    let any = |from: &[&Value], dice: &mut Dice| {
        dice.one_of(from).and_then(|vm| vm["hostname"].as_str()).map(str::to_owned)
    };
    match dice.below(100) {
        0..20 => look_round(lab, dice).await,
        20..34 => {
            if let Some(hostname) = any(&claimed, dice) {
                let then = if dice.chance(50) { Then::Reuse } else { Then::Replace };
                release(lab, &hostname, then).await;
            }
        }
        34..46 => {
            if let Some(hostname) = any(if broken.is_empty() { &launched } else { &broken }, dice) {
                replace(lab, &hostname).await;
            }
        }
        46..58 => {
            let count = dice.below(2) + 1;
            let mut hostnames: Vec<String> =
                (0..count).filter_map(|_| any(&launched, dice)).collect();
            hostnames.extend(any(&broken, dice));
            hostnames.sort();
            hostnames.dedup();
            destroy(lab, hostnames, dice).await;
        }
        58..78 => {
            let open: Vec<&Value> =
                operations.iter().filter(|it| it["finished_at"].is_null()).collect();
            if let Some(operation) = dice.one_of(&open) {
                cancel(lab, operation).await;
            }
        }
        78..86 => {
            let failed: Vec<&Value> = operations
                .iter()
                .filter(|it| it["state"] == "failed" || it["state"] == "interrupted")
                .collect();
            if let Some(id) = dice.one_of(&failed).and_then(|it| it["operation_id"].as_i64()) {
                retry(lab, id).await;
            }
        }
        86..91 => {
            if let Some(hostname) = any(&launched, dice) {
                lab.client.recorder.asks(Wish::Reboot { hostname: hostname.clone() });
                let path = format!("/api/vms/{hostname}/reboot");
                lab.client.post(As::Organiser, &path, Body::None).await;
            }
        }
        91..96 => register(lab, desks, vms).await,
        _ => {
            let manual: Vec<&Value> = vms.iter().filter(|vm| vm["source"] == "manual").collect();
            if let Some(hostname) = any(&manual, dice) {
                lab.client.recorder.asks(Wish::Forget { hostname: hostname.clone() });
                let path = format!("/api/vms/{hostname}");
                lab.client.send(Method::DELETE, As::Organiser, &path, Body::None).await;
            }
        }
    }
}

/// The newest operation, if it stopped because Terraform's state can't be true.
fn stopped_by_state(operations: &[Value]) -> Option<i64> {
    let newest = operations.first()?;
    let reason = newest["reason"].as_str().unwrap_or_default();
    let is_stopped = newest["state"] == "failed" && reason.contains("can't be true");
    is_stopped.then(|| newest["operation_id"].as_i64())?
}

async fn bring_back(lab: &ChaosLab, id: i64) {
    let path = format!("/api/operations/{id}/bring-back");
    lab.client.post(As::Organiser, &path, Body::None).await;
}

async fn look_round(lab: &ChaosLab, dice: &mut Dice) {
    let pages = ["/admin", "/admin/instances", "/admin/operations", "/admin/participants", "/"];
    if let Some(page) = dice.one_of(&pages) {
        lab.client.get(As::OrganisersBrowser, page).await;
    }
}

async fn launch(lab: &ChaosLab, count: usize) {
    let wish = json!({ "num_vms": count });
    lab.client.post(As::Organiser, "/api/launch", Body::Json(&wish)).await;
}

async fn release(lab: &ChaosLab, hostname: &str, then: Then) {
    lab.client.recorder.asks(Wish::Release { hostname: hostname.to_owned(), then });
    let word = if then == Then::Reuse { "reuse" } else { "replace" };
    let wish = json!({ "then": word });
    let path = format!("/api/vms/{hostname}/release");
    lab.client.post(As::Organiser, &path, Body::Json(&wish)).await;
}

async fn replace(lab: &ChaosLab, hostname: &str) {
    lab.client.recorder.asks(Wish::Replace { hostname: hostname.to_owned() });
    let path = format!("/api/vms/{hostname}/replace");
    lab.client.post(As::Organiser, &path, Body::None).await;
}

async fn destroy(lab: &ChaosLab, hostnames: Vec<String>, dice: &mut Dice) {
    // None named would mean all of them.
    if hostnames.is_empty() {
        return;
    }
    let mut form: Vec<(&str, &str)> =
        hostnames.iter().map(|it| ("hostname", it.as_str())).collect();
    let mut who = As::Organiser;
    if dice.chance(50) {
        form.push(("confirm", "yes"));
        who = As::OrganisersBrowser;
    }
    lab.client.recorder.asks(Wish::Destroy { hostnames: hostnames.clone() });
    lab.client.post(who, "/destroy", Body::Form(&form)).await;
}

async fn retry(lab: &ChaosLab, id: i64) {
    let path = format!("/api/operations/{id}");
    let Some(answer) = lab.client.get(As::Organiser, &path).await else { return };
    // What is tried again is what it was about.
    let operation = answer.json();
    let names = operation["hostnames"].as_array().cloned().unwrap_or_default();
    let hostnames: Vec<String> =
        names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    let recorder = &lab.client.recorder;
    match operation["kind"].as_str() {
        Some("destroy") => recorder.asks(Wish::Destroy { hostnames }),
        Some("replace") => {
            hostnames.into_iter().for_each(|hostname| recorder.asks(Wish::Replace { hostname }));
        }
        _ => {}
    }
    lab.client.post(As::Organiser, &format!("{path}/retry"), Body::None).await;
}

async fn register(lab: &ChaosLab, desks: &Desks, vms: &[Value]) {
    if vms.iter().filter(|vm| vm["source"] == "manual").count() >= 2 {
        return;
    }
    let answer = lab.client.post(As::Organiser, "/api/vms", Body::Json(&json!({}))).await;
    let told = answer.map(|answer| answer.json()).unwrap_or_default();
    if let (Some(hostname), Some(token)) =
        (told["hostname"].as_str(), told["enrolment_token"].as_str())
        && let Err(error) = desks.install(hostname, token)
    {
        crate::report::say(&format!("{hostname} could not be started: {error:#}"));
    }
}

async fn cancel(lab: &ChaosLab, operation: &Value) {
    if let Some(id) = operation["operation_id"].as_i64() {
        let path = format!("/api/operations/{id}/cancel");
        lab.client.post(As::Organiser, &path, Body::None).await;
    }
}

async fn cancel_what_hangs(
    lab: &ChaosLab,
    operations: &[Value],
    running_since: &mut BTreeMap<i64, At>,
) {
    let now = lab.client.recorder.now();
    for operation in operations.iter().filter(|it| it["state"] == "running") {
        let Some(id) = operation["operation_id"].as_i64() else { continue };
        let since = running_since.entry(id).or_insert(now);
        if now - *since > PATIENCE {
            // Ask once more after the same time, if that did not help.
            *since = now;
            cancel(lab, operation).await;
        }
    }
}
