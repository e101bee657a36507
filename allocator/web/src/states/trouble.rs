use jiff::Timestamp;
use lablink_core::pools::Source;

use crate::pages::Tone;

/// A VM that is not handed out, or is lost to its participant.
pub struct Attention {
    pub trouble: Trouble,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// What is known of it, in a sentence.
    pub reason: String,
}

/// What is wrong with a VM, as far as that decides what an organiser does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A dead token of its agent was shown: nobody can claim it.
    Barred,
    /// Its agent is to take a new token since a claim has ended, and does not.
    TokenDue,
    /// Its cloud takes it back.
    Ending,
    /// Its cloud has stopped or ended it, or finds a fault.
    Down,
    /// In error, or nobody knows.
    Failed,
    /// Its agent could not be started.
    Broken,
    /// Its GPU is.
    Unhealthy,
    /// It was begun long ago, and never reported that it runs.
    Overdue,
    /// Not heard for a while.
    Silent,
    /// Not heard for so long that it hardly comes back by itself.
    Suspect,
}

impl Trouble {
    pub fn label(self) -> &'static str {
        match self {
            Self::Barred => "Barred",
            Self::TokenDue => "Waits for a new token",
            Self::Ending => "Taken back by the cloud",
            Self::Down => "Not running",
            Self::Failed => "Failed",
            Self::Broken => "Broken",
            Self::Unhealthy => "Unhealthy",
            Self::Overdue => "Overdue",
            Self::Silent => "Silent",
            Self::Suspect => "Suspect",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Silent | Self::TokenDue => Tone::Warn,
            Self::Barred
            | Self::Ending
            | Self::Down
            | Self::Failed
            | Self::Broken
            | Self::Unhealthy
            | Self::Overdue
            | Self::Suspect => Tone::Bad,
        }
    }

    /// What an organiser does next about a VM that comes from there.
    pub fn advice(self, source: Source) -> &'static str {
        use Source::{Aws, Local, Manual, Unknown};
        match (self, source) {
            (Self::Barred, Local | Aws) => {
                "Find out who had it before: the claims are listed below. Then replace it: a new \
                 machine takes its name, with a token that nobody has seen."
            }
            (Self::Barred, Manual | Unknown) => {
                "Find out who had it before: the claims are listed below. Check that nobody has left \
                 anything on the machine, and run a new install command there: that brings a \
                 token that nobody has seen. Then allow claims again."
            }
            (Self::TokenDue, Local | Aws) => {
                "Look at its log to see whether its agent runs. If the agent is too old to take a \
                 new token, replace the machine: a new one has today’s agent."
            }
            (Self::TokenDue, Manual | Unknown) => {
                "Restart its agent on the machine: systemctl restart lablink-client. If the agent is \
                 too old to take a new token, run a new install command there: that brings today’s \
                 agent, with a new token."
            }
            (Self::Ending, Local | Aws) => {
                "Tell its participant to save their work: everything on it will be lost. Then \
                 replace it: a new machine takes its name."
            }
            (Self::Ending, Manual | Unknown) => {
                "Tell its participant to save their work: everything on it will be lost. When it is \
                 gone, remove it from the pool."
            }
            (Self::Down, Local | Aws) => {
                "If AWS has stopped it, start it in the EC2 console: its files and its participant \
                 stay. Otherwise replace it: a new machine takes its name."
            }
            (Self::Down, Manual | Unknown) => {
                "Look at the machine in its cloud's console, and start it there. If it is gone, \
                 remove it from the pool."
            }
            (Self::Silent, _) => "Wait. When its agent is back, it can be claimed again.",
            (Self::Failed, Local | Aws) => {
                "Look at its log and at the log of the operation that made it. Then replace it: a \
                 new machine takes its name, and everything on this one is lost."
            }
            (Self::Failed | Self::Suspect, Unknown) => {
                "Check that the machine is on and its agent runs. Nobody registered it: if it is \
                 not yours, remove it from the pool."
            }
            (Self::Broken, _) => {
                "Fix what the reason says, then reboot it: its files and its participant stay. If \
                 it fails again, replace it. Then everything on it is lost."
            }
            (Self::Unhealthy, Local) => {
                "Look at its log and reboot it: its files and its participant stay. If the GPU is \
                 still not healthy, replace it."
            }
            (Self::Unhealthy, Aws) => {
                "Reboot it: its files and its participant stay. If the GPU is still not healthy, \
                 replace it: a new machine often has other hardware."
            }
            (Self::Unhealthy, Manual | Unknown) => {
                "Reboot the machine. It is handed out again when its agent finds the GPU healthy. \
                 If the fault stays, repair it or remove it from the pool."
            }
            (Self::Overdue, Local) => {
                "Look at agent.log in its folder, in vms/ of the data directory. If nothing happens \
                 there, replace it."
            }
            (Self::Overdue, Aws) => {
                "Look at its log. If that is empty, look at the instance’s system log in the EC2 \
                 console. If nothing happens there, replace it."
            }
            (Self::Overdue | Self::Failed, Manual) => {
                "Look at its agent on the machine, with journalctl -u lablink-client, and start it \
                 with systemctl restart lablink-client. If it never enrolled, make a new install \
                 command and run it there within the hour."
            }
            (Self::Overdue, Unknown) => {
                "Look at its agent on the machine, and start it again. If the machine is not yours, \
                 remove it from the pool."
            }
            (Self::Suspect, Local) => {
                "Reboot it: its files and its participant stay. If its agent still does not answer, \
                 look at its log and replace it. Then everything on it is lost."
            }
            (Self::Suspect, Aws) => {
                "Reboot it: its files and its participant stay. If its agent still does not answer, \
                 replace it. Then everything on it is lost."
            }
            (Self::Suspect, Manual) => {
                "Check that the machine is on and has a network, and start its agent there: \
                 systemctl restart lablink-client. If LabLink refuses the agent, make a new install \
                 command and run it there."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_where_the_vm_comes_from() {
        for trouble in [
            Trouble::Barred,
            Trouble::Ending,
            Trouble::TokenDue,
            Trouble::Failed,
            Trouble::Unhealthy,
            Trouble::Overdue,
            Trouble::Suspect,
        ] {
            for source in [Source::Local, Source::Aws] {
                let advice = trouble.advice(source);
                assert!(advice.contains("eplace "), "{advice}");
                assert!(!advice.contains("install command"), "{advice}");
            }
            for source in [Source::Manual, Source::Unknown] {
                let advice = trouble.advice(source);
                assert!(!advice.contains("replace"), "it can’t be made anew: {advice}");
            }
            assert!(!trouble.advice(Source::Local).contains("EC2"));
        }
        for trouble in [
            Trouble::Barred,
            Trouble::TokenDue,
            Trouble::Failed,
            Trouble::Overdue,
            Trouble::Suspect,
        ] {
            assert!(trouble.advice(Source::Manual).contains("new install command"));
        }
    }
}
