use std::path::PathBuf;

use serde_json::json;

use super::{As, Body, ChaosLab, Dice, Phase};
use crate::history::Batch;

/// Then the lines are dropped, and were never acknowledged.
const TRIES: u32 = 10;

/// Hands over batches of lines with ids, some of them twice, as after a lost answer: in the name of
/// local VMs, whose folders lie in `vms`.
pub async fn send_logs(mut lab: ChaosLab, vms: PathBuf, mut dice: Dice) {
    let mut sent = 0;
    while lab.is(Phase::Busy) {
        lab.pause(dice.millis(300, 1200)).await;
        let Some(answer) = lab.client.get(As::Organiser, "/api/vm-status").await else { continue };
        let statuses = answer.json();
        let names: Vec<String> =
            statuses.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let Some(hostname) = dice.one_of(&names) else { continue };
        let count = dice.between(1, 30);
        let ids: Vec<String> = (sent..sent + count).map(|nr| format!("chaos-{nr:09}")).collect();
        sent += count;
        // It has none yet, or it is a machine of somebody's.
        let token = vms.join(hostname).join("state/agent-token");
        let Ok(token) = std::fs::read_to_string(token) else { continue };
        send(&mut lab, hostname, token.trim(), ids, &mut dice).await;
    }
}

async fn send(lab: &mut ChaosLab, hostname: &str, token: &str, ids: Vec<String>, dice: &mut Dice) {
    let messages: Vec<String> = ids.iter().map(|id| format!("line {id}")).collect();
    let batch = json!({
        "log_group": "chaos", "log_stream": hostname, "messages": messages, "event_ids": ids,
    });
    let at = lab.client.recorder.now();
    let mut acknowledged = false;
    let mut again = dice.chance(30);
    for _ in 0..TRIES {
        let answer = lab.client.post(As::Agent(token), "/api/vm-logs", Body::Json(&batch)).await;
        match answer.map(|answer| answer.status) {
            Some(200) => acknowledged = true,
            // The VM is gone, or has another token by now: dropped, as its agent does.
            Some(400..500) => break,
            _ => {}
        }
        if acknowledged && !again {
            break;
        }
        again = again && !acknowledged;
        lab.pause(dice.millis(100, 800)).await;
    }
    let hostname = hostname.to_owned();
    lab.client.recorder.history().batches.push(Batch { at, hostname, ids, acknowledged });
}
