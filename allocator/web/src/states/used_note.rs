use askama::Template;
use jiff::{SignedDuration, Timestamp};
use lablink_core::{
    pools::{AfterUse, StaleAfter},
    vms::Vm,
};
use lablink_protocol::Cleaning;

use super::{afterwards::cleaning, source::is_made};
use crate::pages::moment;

/// A part of pages: a machine holds what its last participant left, so that nobody can claim it.
#[derive(Template)]
#[template(path = "states/used.html")]
pub struct UsedNote {
    pub hostname: String,
    /// The e-mail address of its last participant.
    pub by: Option<String>,
    pub since: Timestamp,
    pub standing: UsedStanding,
    pub now: Timestamp,
}

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsedStanding {
    BeingCleaned,
    /// Its agent, which can clean it, does not run or is not heard.
    AgentAway,
    Failed {
        reason: String,
    },
    /// Its agent says why it can't clean it.
    Impossible {
        reason: String,
    },
    /// Its agent knows nothing of cleaning: an older one, or an original client.
    AgentUnable,
    /// `manual.after_use` is not `clean`.
    ForOrganiser,
    /// It was to be made anew, and was not.
    Unreplaced,
}

impl UsedNote {
    /// None for a VM that was not used, that somebody has, or that is going anyway.
    pub fn of(vm: &Vm, rule: AfterUse, now: Timestamp, stale_after: StaleAfter) -> Option<Self> {
        let since = vm.used_since.filter(|_| vm.claim.is_none() && !vm.removing)?;
        let standing = match (rule, &vm.clean_failure, cleaning(vm)) {
            _ if is_made(vm.source) => UsedStanding::Unreplaced,
            (AfterUse::Hold | AfterUse::Reuse, _, _) => UsedStanding::ForOrganiser,
            (AfterUse::Clean, _, None) => UsedStanding::AgentUnable,
            (AfterUse::Clean, _, Some(Cleaning::Impossible(reason))) => {
                UsedStanding::Impossible { reason }
            }
            (AfterUse::Clean, Some(reason), Some(Cleaning::Possible)) => {
                UsedStanding::Failed { reason: reason.clone() }
            }
            (AfterUse::Clean, None, Some(Cleaning::Possible)) if is_heard(vm, now, stale_after) => {
                UsedStanding::BeingCleaned
            }
            (AfterUse::Clean, None, Some(Cleaning::Possible)) => UsedStanding::AgentAway,
        };
        Some(Self {
            hostname: vm.hostname.to_string(),
            by: vm.last_participant.clone(),
            since,
            standing,
            now,
        })
    }

    /// Why nobody can claim it, and what to do.
    fn words(&self) -> String {
        const NEXT: &str = "Clean it yourself, then hand it out again.";
        match &self.standing {
            UsedStanding::BeingCleaned => {
                "It is being cleaned, and can be claimed when that is done.".to_owned()
            }
            UsedStanding::AgentAway => {
                "It is cleaned when its agent is back: check that the machine and its agent run."
                    .to_owned()
            }
            UsedStanding::Failed { reason } => format!(
                "It could not be cleaned: {}. Fix that and clean it again. Or clean it yourself, \
                 then hand it out again.",
                reason.trim_end_matches('.')
            ),
            UsedStanding::Impossible { reason } => {
                format!("Its agent can't clean it: {}. {NEXT}", reason.trim_end_matches('.'))
            }
            UsedStanding::AgentUnable => format!(
                "Its agent can't clean it: it is too old, or an original client. {NEXT} A new \
                 install command brings today's agent."
            ),
            UsedStanding::Unreplaced => {
                "It should have been replaced, and was not. Replace it, or hand it out again."
                    .to_owned()
            }
            UsedStanding::ForOrganiser => {
                format!("It is held for you, as the configuration says. {NEXT}")
            }
        }
    }

    /// What lists show.
    pub fn in_short(&self) -> String {
        let by = self.by.as_ref().map(|by| format!("Last had by {by}. ")).unwrap_or_default();
        by + &self.words()
    }

    pub fn moves(&self) -> bool {
        self.standing == UsedStanding::BeingCleaned
    }

    fn can_be_cleaned_again(&self) -> bool {
        matches!(self.standing, UsedStanding::Failed { .. })
    }
}

fn is_heard(vm: &Vm, now: Timestamp, StaleAfter(stale_after): StaleAfter) -> bool {
    let longest = SignedDuration::try_from(stale_after).unwrap_or_default();
    !vm.stopped && vm.last_seen.is_some_and(|seen| now.duration_since(seen) <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(standing: UsedStanding) -> UsedNote {
        UsedNote {
            hostname: "desk".to_owned(),
            by: Some("<script>@example.org".to_owned()),
            since: Timestamp::UNIX_EPOCH,
            standing,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn says_who_had_it_why_it_waits_and_what_to_do() {
        let reason = "its home is <b>mounted</b>.".to_owned();
        for (standing, words, again) in [
            (UsedStanding::BeingCleaned, "It is being cleaned", false),
            (UsedStanding::AgentAway, "check that the machine and its agent run", false),
            (UsedStanding::Failed { reason }, "&#60;b&#62;mounted&#60;/b&#62;. Fix that", true),
            (
                UsedStanding::Impossible { reason: "no root".to_owned() },
                "clean it: no root.",
                false,
            ),
            (UsedStanding::AgentUnable, "New install command", false),
            (UsedStanding::ForOrganiser, "held for you", false),
            (UsedStanding::Unreplaced, "Replace it", false),
        ] {
            let note = note(standing);
            let html = note.render().unwrap();
            let lower = html.to_lowercase();
            assert!(lower.contains(&words.to_lowercase()), "{words} in {html}");
            assert!(html.contains("&#60;script&#62;@example.org") && !html.contains("<script>"));
            assert!(html.contains(r#"action="/api/vms/desk/release""#));
            assert!(html.contains(r#"name="then" value="reuse""#));
            assert_eq!(html.contains(r#"action="/api/vms/desk/clean""#), again, "{words}");
            assert!(note.in_short().starts_with("Last had by "));
        }
    }
}
