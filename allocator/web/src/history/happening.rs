//! The pool's history in words.

use jiff::Timestamp;
use lablink_core::events::Entry;
use serde_json::Value;

use crate::pages::who;

/// One line of the pool's history.
pub struct Happening {
    pub at: Timestamp,
    /// What happened, as a sentence without its full stop.
    pub text: String,
    /// Who did it.
    pub actor: String,
}

impl From<Entry> for Happening {
    fn from(entry: Entry) -> Self {
        let vm = entry.hostname.as_deref().unwrap_or("a VM");
        let text = |key: &str| entry.data[key].as_str().unwrap_or("unknown").to_owned();
        let sentence = match entry.kind.as_str() {
            "claim.created" => format!("{vm} was claimed"),
            "claim.reentry_requested" => {
                format!("Somebody who knew only the e-mail asked for {vm}, and was refused")
            }
            "claim.command_replaced" => format!("{vm} got a new command"),
            "claim.connected" => format!("{vm} is ready for its participant"),
            "claim.failed" => format!("{vm} could not use its command: {}", text("detail")),
            "claim.released" => format!("The claim of {vm} ended ({})", text("reason")),
            "claim.moved" => {
                format!(
                    "{vm} went to the participant of {}, which could not run the desktop",
                    text("from")
                )
            }
            "claim.same_person" => {
                format!("Whoever has {vm} has another VM too: their address was typed in two ways")
            }
            "claim.link_issued" => {
                format!(
                    "A new link was made for the participant of {vm}; earlier ones open nothing"
                )
            }
            "claim.lock_out_asked" => {
                format!("Whoever had {vm} was locked out: its desktop is to end")
            }
            "claim.locked_out" => {
                format!("The desktop of {vm} has ended, and it waits for a command")
            }
            "place.invited" => "Somebody got the first place in line from an organiser".to_owned(),
            "place.passed" => format!("{vm} goes on to the next in line: nobody reacted"),
            "place.removed" => match entry.data["places"].as_i64() {
                Some(1) | None => "A place was taken out of the line".to_owned(),
                Some(places) => format!("{places} places were taken out of the line"),
            },
            "place.joined" => "Somebody took a place in line".to_owned(),
            "place.offered" => format!("{vm} is kept for the first in line"),
            "place.left" => "Somebody left the line".to_owned(),
            "place.lapsed" => "A place in line lapsed".to_owned(),
            "vm.registered" => format!("{vm} was registered by hand"),
            "vm.replaced" => format!("{vm} was made anew"),
            "vm.cleaned" => format!("{vm} was cleaned"),
            "vm.clean_failed" => format!("{vm} could not be cleaned: {}", text("detail")),
            "vm.token_renewed" => format!("The agent of {vm} has a new token, for its next claim"),
            "vm.barred" => format!(
                "ALARM: somebody at {} {} with a dead token of {vm}, which nobody can claim now",
                text("from"),
                if text("misuse") == "wait" {
                    "waited for a claim"
                } else {
                    "asked for a new token"
                },
            ),
            "vm.bar_lifted" => format!("{vm} may be claimed again after the alarm"),
            "vm.clean_again" => format!("{vm} was to be cleaned again"),
            "vm.gpu_changed" => match entry.data["reason"].as_str() {
                Some(reason) => format!("The GPU of {vm} is {}: {reason}", text("to")),
                None => format!("The GPU of {vm} is {}", text("to")),
            },
            "vm.requested" => format!("{vm} was asked for"),
            "vm.enrolled" => format!("{vm} enrolled"),
            "vm.status_changed" => {
                let late =
                    if entry.data["overdue_at"].is_null() { "" } else { ", after it was overdue" };
                let why = entry.data["reason"].as_str().map(|reason| format!(": {reason}"));
                let why = why.unwrap_or_default();
                format!("{vm} went from {} to {}{late}{why}", text("from"), text("to"))
            }
            "vm.overdue" => format!("{vm} is overdue: its agent has not reported that it runs"),
            "vm.suspect" => format!("{vm} is suspect: nothing is heard of its agent any more"),
            "vm.heard" => format!("{vm} is heard again"),
            "vm.start_failed" => {
                format!("The agent of {vm} could not be started: {}", text("reason"))
            }
            "vm.rebooted" => format!("{vm} was rebooted"),
            "aws_keys.set" => "AWS keys were typed".to_owned(),
            "aws_keys.unset" => "The typed AWS keys were forgotten".to_owned(),
            "vm.use_started" => format!("The software on {vm} was started"),
            "vm.use_ended" => format!("The software on {vm} was ended"),
            "vm.removed" => format!("{vm} is gone"),
            "vm.given_up" => format!("{vm} was given up: Terraform’s state had lost it"),
            "vm.adopted" => format!("{vm} was found without a record, and got one"),
            "vm.host_key_forgotten" => format!("The SSH host key of {vm} was forgotten"),
            "results.collected" => format!(
                "{} files were collected from {} VMs; {} of these failed",
                entry.data["files"], entry.data["vms"], entry.data["failed"]
            ),
            "results.downloaded" => "Collected results were downloaded".to_owned(),
            "results.discarded" => "An archive of results was discarded".to_owned(),
            "operation.queued" => format!("{} was asked for", operation(&entry.data)),
            "operation.awaits_approval" => {
                format!("{} was asked for, and awaits approval", operation(&entry.data))
            }
            "operation.approved" => format!("{} was approved", operation(&entry.data)),
            "operation.rejected" => format!("{} was rejected", operation(&entry.data)),
            "operation.started" => format!("{} began", operation(&entry.data)),
            "operation.taken_over" => {
                format!("{} was taken over from an allocator that is gone", operation(&entry.data))
            }
            "operation.put_off" => {
                format!("{} is tried again later: {}", operation(&entry.data), text("reason"))
            }
            "operation.cancel_requested" => format!("{} was cancelled", operation(&entry.data)),
            "operation.finished" => format!("{} {}", operation(&entry.data), text("state")),
            other => format!("{other}: {vm}"),
        };
        Self { at: entry.at, text: sentence, actor: who(&entry.actor) }
    }
}

/// By its title, which events from before this version lack.
fn operation(data: &Value) -> String {
    match (data["title"].as_str(), data["kind"].as_str()) {
        (Some(title), _) => format!("“{title}”"),
        (None, Some(kind)) => format!("An operation ({kind})"),
        (None, None) => "An operation".to_owned(),
    }
}
