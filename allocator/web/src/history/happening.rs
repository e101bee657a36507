//! The pool's history in words.

use jiff::Timestamp;
use lablink_core::{
    aws::Finding,
    events::{Entry, Kind},
};
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
        let Some(kind) = entry.kind else {
            // A newer version runs beside this one, or did.
            let text = format!("{}: {vm}", entry.word);
            return Self { at: entry.at, text, actor: who(&entry.actor) };
        };
        let sentence = match kind {
            Kind::ClaimCreated => format!("{vm} was claimed"),
            Kind::ClaimReentryRequested => {
                format!("Somebody who knew only the e-mail asked for {vm}, and was refused")
            }
            Kind::ClaimCommandReplaced => format!("{vm} got a new command"),
            Kind::ClaimDelivered => format!("{vm} was given its participant’s command"),
            Kind::ClaimConnected => format!("{vm} is ready for its participant"),
            Kind::ClaimFailed => format!("{vm} could not use its command: {}", text("detail")),
            Kind::ClaimReleased => format!("The claim of {vm} ended ({})", text("reason")),
            Kind::ClaimMoved => {
                format!(
                    "{vm} went to the participant of {}, which could not run the desktop",
                    text("from")
                )
            }
            Kind::ClaimSamePerson => {
                format!(
                    "The participant of {vm} has another VM too: their address was typed in two ways"
                )
            }
            Kind::ClaimLinkIssued => {
                format!(
                    "A new link was made for the participant of {vm}; earlier ones open nothing"
                )
            }
            Kind::ClaimLockOutAsked => {
                format!("The earlier participant of {vm} was locked out: its desktop is to end")
            }
            Kind::ClaimLockedOut => {
                format!("The desktop of {vm} has ended, and it waits for a command")
            }
            Kind::PlaceInvited => {
                "Somebody got the first place in line from an organiser".to_owned()
            }
            Kind::PlacePassed => format!("{vm} goes on to the next in line: nobody reacted"),
            Kind::PlaceRemoved => match entry.data["places"].as_i64() {
                Some(1) | None => "A place was taken out of the line".to_owned(),
                Some(places) => format!("{places} places were taken out of the line"),
            },
            Kind::PlaceJoined => "Somebody took a place in line".to_owned(),
            Kind::PlaceOffered => format!("{vm} is kept for the first in line"),
            Kind::PlaceLeft => "Somebody left the line".to_owned(),
            Kind::PlaceLapsed => "A place in line lapsed".to_owned(),
            Kind::VmRegistered => format!("{vm} was registered by hand"),
            Kind::VmReplaced => format!("{vm} was made anew"),
            Kind::VmCleaned => format!("{vm} was cleaned"),
            Kind::VmCleanFailed => format!("{vm} could not be cleaned: {}", text("detail")),
            Kind::VmTokenRenewed => {
                format!("The agent of {vm} has a new token: the one before is dead")
            }
            Kind::VmBarred => format!(
                "ALARM: somebody at {} {} with a dead token of {vm}, which nobody can claim now",
                text("from"),
                if text("misuse") == "wait" {
                    "waited for a claim"
                } else {
                    "asked for a new token"
                },
            ),
            Kind::VmFound => {
                let finding: Option<Finding> =
                    serde_json::from_value(entry.data["finding"].clone()).ok();
                let words = finding.as_ref().and_then(Finding::words).unwrap_or_default();
                format!("{vm} does not answer. {}", words.trim_end_matches('.'))
            }
            Kind::VmTakenBack => {
                format!("The cloud takes {vm} back at {}", text("time"))
            }
            Kind::VmMaintenance => {
                format!("The cloud works on {vm} from {}: {}", text("from"), text("description"))
            }
            Kind::VmNoticeOver => format!("The cloud has called off what it announced for {vm}"),
            Kind::VmBarLifted => format!("{vm} may be claimed again after the alarm"),
            Kind::VmCleanAgain => format!("{vm} was to be cleaned again"),
            Kind::VmGpuChanged => match entry.data["reason"].as_str() {
                Some(reason) => format!("The GPU of {vm} is {}: {reason}", text("to")),
                None => format!("The GPU of {vm} is {}", text("to")),
            },
            Kind::VmRequested => format!("{vm} was asked for"),
            Kind::VmEnrolled => format!("{vm} enrolled"),
            Kind::VmStatusChanged => {
                let late =
                    if entry.data["overdue_at"].is_null() { "" } else { ", after it was overdue" };
                let why = entry.data["reason"].as_str().map(|reason| format!(": {reason}"));
                let why = why.unwrap_or_default();
                format!("{vm} went from {} to {}{late}{why}", text("from"), text("to"))
            }
            Kind::VmOverdue => format!("{vm} is overdue: its agent has not reported that it runs"),
            Kind::VmSuspect => format!("{vm} is suspect: nothing is heard of its agent any more"),
            Kind::VmHeard => format!("{vm} is heard again"),
            Kind::VmStartFailed => {
                format!("The agent of {vm} could not be started: {}", text("reason"))
            }
            Kind::VmRebooted => format!("{vm} was rebooted"),
            Kind::AwsKeysSet => "AWS keys were typed".to_owned(),
            Kind::AwsKeysUnset => "The typed AWS keys were forgotten".to_owned(),
            Kind::VmUseStarted => format!("The software on {vm} was started"),
            Kind::VmUseEnded => format!("The software on {vm} was ended"),
            Kind::VmRemoved => format!("{vm} is gone"),
            Kind::VmGivenUp => format!("{vm} was given up: Terraform’s state had lost it"),
            Kind::VmAdopted => format!("{vm} was found without a record, and got one"),
            Kind::VmHostKeyForgotten => format!("The SSH host key of {vm} was forgotten"),
            Kind::ResultsCollected => format!(
                "{} files were collected from {} VMs; {} of these failed",
                entry.data["files"], entry.data["vms"], entry.data["failed"]
            ),
            Kind::ResultsDownloaded => "Collected results were downloaded".to_owned(),
            Kind::ResultsDiscarded => "An archive of results was discarded".to_owned(),
            Kind::OperationQueued => format!("{} was asked for", operation(&entry.data)),
            Kind::OperationAwaitsApproval => {
                format!("{} was asked for, and awaits approval", operation(&entry.data))
            }
            Kind::OperationApproved => format!("{} was approved", operation(&entry.data)),
            Kind::OperationRejected => format!("{} was rejected", operation(&entry.data)),
            Kind::OperationStarted => format!("{} began", operation(&entry.data)),
            Kind::OperationTakenOver => {
                format!("{} was taken over from an allocator that has gone", operation(&entry.data))
            }
            Kind::OperationPutOff => {
                format!("{} is tried again later: {}", operation(&entry.data), text("reason"))
            }
            Kind::PlaceOfferEnded => {
                format!("{vm} is no longer kept for somebody in line: it can’t be handed out now")
            }
            Kind::VmAdmitted => format!("{vm} reported by itself, and nobody had asked for it"),
            Kind::VmEnrolmentIssued => format!("An install command was made for {vm}"),
            Kind::VmFailed => format!("{vm} was not made: {}", text("reason")),
            Kind::VmFresh => format!("{vm} has a new machine, which nobody has used"),
            Kind::VmMade => format!("The machine of {vm} was made"),
            Kind::VmMaking => format!("The machine of {vm} is being made"),
            Kind::VmRemoving => format!("The machine of {vm} is being removed"),
            Kind::VmInstanceAdopted => format!(
                "{vm} is the instance {}: a run was cut off before Terraform had noted it",
                text("instance")
            ),
            Kind::VmDoubled => format!(
                "ALARM: the instance {} runs under the name of {vm} beside its own, and costs: end \
                 it in the AWS console",
                text("instance")
            ),
            Kind::VmMadeAgain => format!("{vm} is made once more"),
            Kind::VmReused => format!("{vm} goes out again as it is"),
            Kind::VmStays => format!("{vm} stays: no operation is to remove it any more"),
            Kind::VmToGo => format!("{vm} is to be removed by an operation"),
            Kind::VmUnchanged => format!("{vm} stays as it is: {}", text("reason")),
            Kind::OperationCancelRequested => format!("{} was cancelled", operation(&entry.data)),
            Kind::OperationFinished => format!("{} {}", operation(&entry.data), text("state")),
        };
        Self { at: entry.at, text: sentence, actor: who(&entry.actor) }
    }
}

/// Names the operation by its title, which events of older versions lack.
fn operation(data: &Value) -> String {
    match (data["title"].as_str(), data["kind"].as_str()) {
        (Some(title), _) => format!("“{title}”"),
        (None, Some(kind)) => format!("An operation ({kind})"),
        (None, None) => "An operation".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn entry(word: &str) -> Entry {
        Entry {
            id: 1,
            at: Timestamp::UNIX_EPOCH,
            actor: "system".to_owned(),
            kind: word.parse().ok(),
            word: word.to_owned(),
            hostname: Some("desk-7".to_owned()),
            data: json!({}),
        }
    }

    #[test]
    fn each_kind_has_a_sentence_of_its_own() {
        let mut sentences = HashSet::new();
        for kind in Kind::ALL {
            let sentence = Happening::from(entry(kind.as_str())).text;
            assert!(sentence.contains(' ') && !sentence.contains(kind.as_str()), "{sentence}");
            assert!(sentences.insert(sentence), "{kind} reads as another kind does");
        }
    }

    #[test]
    fn a_word_that_this_version_does_not_know_is_shown_as_it_is() {
        assert_eq!(Happening::from(entry("vm.lent")).text, "vm.lent: desk-7");
    }
}
