use askama::Template;
use jiff::Timestamp;
use lablink_core::{
    Token,
    claims::{Machine, Progress, ReleaseReason},
    pools::Desktop,
};

use crate::{
    pages::Labelled,
    states::{afterwards::Afterwards, claim::Connection},
};

/// A participant's own page, behind an unguessable link. It changes by itself.
#[derive(Template)]
#[template(path = "claims/claim.html")]
pub struct ClaimPage {
    pub link: Token,
    pub hostname: String,
    pub claimed_at: Timestamp,
    /// The machine that it replaces, whose fault a failed start was.
    pub moved_from: Option<String>,
    pub state: ClaimState,
}

/// `{link}/return`: asks whether the participant really gives the machine back.
#[derive(Template)]
#[template(path = "claims/return.html")]
pub struct ClaimReturnPage {
    pub link: Token,
    pub hostname: String,
    /// What becomes of it.
    pub afterwards: Afterwards,
}

pub enum ClaimState {
    Held {
        way: Way,
        pin: String,
        machine: Machine,
        /// When its cloud takes it back, if it has said so.
        taken_back_at: Option<Timestamp>,
        connection: Connection,
        command: CommandForm,
    },
    Ended(ReleaseReason),
}

/// How the participant gets to the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Command,
    Tab,
    Either,
}

impl Way {
    pub fn of(desktop: Desktop, progress: &Progress) -> Self {
        match progress {
            Progress::Open { offers_desktop: true, has_command, .. } if desktop.is_in_tab() => {
                match desktop == Desktop::Browser || !has_command {
                    true => Self::Tab,
                    false => Self::Either,
                }
            }
            Progress::Open { .. } | Progress::Over { .. } => Self::Command,
        }
    }

    pub fn is_by_tab(self) -> bool {
        self != Self::Command
    }

    pub fn is_by_command(self) -> bool {
        self != Self::Tab
    }
}

/// `POST {link}/command`, field `crd_command`.
#[derive(Default)]
pub struct CommandForm {
    pub crd_command: String,
    pub error: Option<String>,
}

impl ClaimPage {
    fn title(&self) -> &'static str {
        match &self.state {
            ClaimState::Ended(ReleaseReason::Returned) => "You gave this machine back",
            ClaimState::Ended(ReleaseReason::Released) => "This machine was released",
            ClaimState::Ended(ReleaseReason::Destroyed) => "This machine is gone",
            ClaimState::Held { machine: Machine::AwaitsAnother | Machine::Faulty, .. } => {
                "Your machine has a fault"
            }
            ClaimState::Held { machine: Machine::Ending, .. } => "Your machine will be taken back",
            ClaimState::Held { machine: Machine::Leaving, .. } => "Your machine is being removed",
            ClaimState::Held { machine: Machine::Failed, .. } => "Your machine is out of order",
            ClaimState::Held { machine: Machine::Silent, .. } => "Your machine does not answer",
            ClaimState::Held { machine: Machine::LockingOut, .. } => "The desktop is being closed",
            ClaimState::Held { machine: Machine::LockedOut, way: Way::Tab, .. } => {
                "The desktop was closed"
            }
            ClaimState::Held { machine: Machine::LockedOut, .. } => {
                "Your machine needs a new command"
            }
            ClaimState::Held { machine: Machine::Fine, connection, way, .. } => match connection {
                Connection::Claimed | Connection::Connecting => "Your machine is getting ready",
                Connection::Ready => "Your machine is ready",
                Connection::Failed { .. } if *way == Way::Tab => "Your desktop did not start",
                Connection::Failed { .. } => "Your machine needs a new command",
            },
        }
    }

    fn follows(&self) -> bool {
        matches!(&self.state, ClaimState::Held { .. })
    }

    /// Whether it tells of an error in what was just posted: that stays while the machine is as it is.
    fn corrects(&self) -> bool {
        matches!(&self.state, ClaimState::Held { command, .. } if command.error.is_some())
    }

    fn moves(&self) -> bool {
        let ClaimState::Held { machine, connection, .. } = &self.state else { return false };
        let waits = matches!(machine, Machine::AwaitsAnother | Machine::LockingOut);
        (connection.moves() || waits) && !self.corrects()
    }
}

/// In threes, as people read numbers aloud.
fn groups(pin: &str) -> Vec<String> {
    let digits: Vec<char> = pin.chars().collect();
    digits.chunks(3).map(|group| group.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(state: ClaimState) -> String {
        let (link, hostname) = (Token::presented("k3y"), "lablink-vm-dev-3".to_owned());
        let (claimed_at, moved_from) = (Timestamp::UNIX_EPOCH, Some("lablink-vm-dev-1".to_owned()));
        ClaimPage { link, hostname, claimed_at, moved_from, state }.render().unwrap()
    }

    fn held(connection: Connection, error: Option<&str>) -> String {
        let command =
            CommandForm { crd_command: "typed".to_owned(), error: error.map(str::to_owned) };
        let (pin, machine) = ("123456".to_owned(), Machine::Fine);
        page(ClaimState::Held {
            way: Way::Command,
            pin,
            machine,
            taken_back_at: None,
            connection,
            command,
        })
    }

    #[test]
    fn a_held_machine_shows_its_name_and_its_pin_in_groups() {
        for connection in [Connection::Claimed, Connection::Connecting, Connection::Ready] {
            let html = held(connection, None);
            assert!(html.contains("lablink-vm-dev-3"));
            assert!(html.contains("<span>123</span><span>456</span>"));
            assert!(html.contains("https://remotedesktop.google.com/access"));
            assert!(html.contains(r#"data-live="/claims/k3y""#));
        }
    }

    #[test]
    fn only_a_moving_page_refreshes_without_script() {
        assert!(held(Connection::Connecting, None).contains(r#"http-equiv="refresh""#));
        assert!(!held(Connection::Connecting, None).contains("Load it again"));
        let ready = held(Connection::Ready, None);
        assert!(!ready.contains(r#"http-equiv="refresh""#), "somebody may be typing");
        assert!(ready.contains(r#"<a href="/claims/k3y">Load it again</a>"#));
    }

    #[test]
    fn one_step_is_the_current_one() {
        for connection in [Connection::Claimed, Connection::Connecting, Connection::Ready] {
            assert_eq!(held(connection, None).matches(r#"aria-current="step""#).count(), 1);
        }
    }

    #[test]
    fn a_failure_shows_the_reason_and_takes_a_new_command() {
        let html = held(Connection::Failed { reason: "<script>code</script> used".into() }, None);
        assert!(html.contains("&#60;script&#62;code&#60;/script&#62; used"));
        assert!(html.contains(r#"action="/claims/k3y/command""#));
        assert!(html.contains(r#"name="crd_command""#));
    }

    #[test]
    fn a_refused_command_stays_to_be_corrected() {
        let html = held(Connection::Ready, Some("It has no code."));
        assert!(html.contains("It has no code.") && html.contains(">typed</textarea>"));
        assert!(html.contains("<details open"));
        assert!(html.contains("data-live") && html.contains("data-corrects"));
        assert!(!held(Connection::Ready, None).contains("data-corrects"));
    }

    #[test]
    fn a_machine_in_trouble_says_so_and_what_to_do() {
        for (machine, title, advice) in [
            (Machine::AwaitsAnother, "Your machine has a fault", "Keep this page open"),
            (Machine::Faulty, "Your machine has a fault", "organiser"),
            (Machine::Leaving, "Your machine is being removed", "Save"),
            (Machine::Ending, "Your machine will be taken back", "Save your files"),
            (Machine::Failed, "Your machine is out of order", "organiser"),
            (Machine::Silent, "Your machine does not answer", "Wait a few minutes"),
            (Machine::LockingOut, "The desktop is being closed", "takes a moment"),
        ] {
            let connection = Connection::Failed { reason: "killed".to_owned() };
            let (pin, command) = ("123456".to_owned(), CommandForm::default());
            let html = page(ClaimState::Held {
                way: Way::Command,
                pin,
                machine,
                taken_back_at: None,
                connection,
                command,
            });
            assert!(html.contains(title) && html.contains(advice), "{title}");
            assert!(!html.contains("needs a new command"), "{title}");
        }
        let moved = held(Connection::Connecting, None);
        assert!(moved.contains("lablink-vm-dev-1</b> could not run your desktop"));
    }

    #[test]
    fn who_was_let_in_again_sends_a_command_once_the_desktop_has_ended() {
        let locked = |machine| {
            let connection = Connection::Failed { reason: "of an organiser".to_owned() };
            let (pin, command) = ("123456".to_owned(), CommandForm::default());
            page(ClaimState::Held {
                way: Way::Command,
                pin,
                machine,
                taken_back_at: None,
                connection,
                command,
            })
        };
        let under_way = locked(Machine::LockingOut);
        assert!(
            !under_way.contains("crd_command") && under_way.contains(r#"http-equiv="refresh""#)
        );
        let ended = locked(Machine::LockedOut);
        assert!(ended.contains("crd_command") && ended.contains("new one"));
        assert!(ended.contains("needs a new command") && !ended.contains("What the machine said"));
    }

    #[test]
    fn an_ended_claim_says_why_and_shows_no_pin() {
        for (end, title) in [
            (ReleaseReason::Returned, "You gave this machine back"),
            (ReleaseReason::Released, "This machine was released"),
            (ReleaseReason::Destroyed, "This machine is gone"),
        ] {
            let html = page(ClaimState::Ended(end));
            assert!(html.contains(title) && html.contains("lablink-vm-dev-3"));
            assert!(!html.contains("PIN") && !html.contains("data-live"));
        }
    }
}
