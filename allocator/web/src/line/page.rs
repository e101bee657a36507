use askama::Template;
use jiff::Timestamp;
use lablink_core::Token;
use lablink_core::line::{
    COUNTED, KEPT_FOR, KEPT_UNSEEN_FOR, LAPSES_AFTER, SURELY_KEPT_FOR, SURVIVES,
};

use crate::{claims::page::CommandForm, pages::moment::nth, states::asks_command::AsksCommand};

/// A participant's place in line, behind an unguessable link. It changes by itself, also in the
/// background: a participant who is away to fetch a code must not lose the place.
#[derive(Template)]
#[template(path = "line/line.html")]
pub struct LinePage {
    pub link: Token,
    pub state: LineState,
}

pub enum LineState {
    Waiting {
        ahead: i64,
        waiting: i64,
        /// Seconds until a VM that starts now is likely there; None: nobody can tell.
        expected_seconds: Option<i64>,
    },
    /// A VM waits for the participant's command.
    Offered {
        hostname: String,
        until: Timestamp,
        asks: AsksCommand,
        command: CommandForm,
    },
    Over(LineEnd),
}

#[derive(Clone, Copy)]
pub enum LineEnd {
    /// With another link than this.
    Claimed,
    Left,
    /// An organiser took it away.
    Removed,
    Lapsed,
}

impl LinePage {
    fn title(&self) -> &'static str {
        match self.state {
            LineState::Waiting { ahead: 0, .. } => "You are next in line",
            LineState::Waiting { .. } => "You are in line",
            LineState::Offered { .. } => "A machine is ready for you",
            LineState::Over(LineEnd::Claimed) => "You have a machine",
            LineState::Over(LineEnd::Left) => "You left the line",
            LineState::Over(LineEnd::Removed) => "Your place in line was removed",
            LineState::Over(LineEnd::Lapsed) => "Your place in line has ended",
        }
    }

    fn follows(&self) -> bool {
        !matches!(self.state, LineState::Over(_))
    }

    /// Whether it tells of an error in what was just posted: that stays while the offer does.
    fn corrects(&self) -> bool {
        matches!(&self.state, LineState::Offered { command, .. } if command.error.is_some())
    }

    /// Without script only a page that nobody types in may load itself again.
    fn moves(&self) -> bool {
        matches!(self.state, LineState::Waiting { .. })
    }

    /// For screen readers, once each time that it changes.
    fn tells(&self) -> String {
        match &self.state {
            LineState::Waiting { ahead: COUNTED.., .. } => {
                format!("More than {COUNTED} people are before you in line.")
            }
            LineState::Waiting { ahead: ahead @ 1.., .. } => {
                format!("You are {} in line.", nth(ahead + 1))
            }
            LineState::Offered { .. } => {
                format!("{}. Get a command and paste it here.", self.title())
            }
            LineState::Waiting { .. } | LineState::Over(_) => format!("{}.", self.title()),
        }
    }

    /// A line is counted only so far.
    fn is_beyond(count: &i64) -> bool {
        *count >= COUNTED
    }

    const SURELY_KEPT_FOR_SECONDS: u64 = SURELY_KEPT_FOR.as_secs();
    const SURVIVES_SECONDS: u64 = SURVIVES.as_secs();
    const LAPSES_AFTER_MINUTES: u64 = LAPSES_AFTER.as_secs() / 60;
    const KEPT_UNSEEN_FOR_SECONDS: u64 = KEPT_UNSEEN_FOR.as_secs();
    const KEPT_FOR_MINUTES: u64 = KEPT_FOR.as_secs() / 60;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(state: LineState) -> String {
        LinePage { link: Token::presented("k3y"), state }.render().unwrap()
    }

    #[test]
    fn a_place_says_where_it_is_and_how_long_it_may_take() {
        let html = page(LineState::Waiting { ahead: 3, waiting: 9, expected_seconds: Some(130) });
        for key in [
            "You are in line",
            "4th</b> of 9",
            "about 2 min",
            "3 minutes",
            "60 seconds",
            "no command",
        ] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains(r#"data-live="/line/k3y""#) && html.contains("data-background"));
        assert!(html.contains(r#"http-equiv="refresh""#));
        let html = page(LineState::Waiting { ahead: 0, waiting: 1, expected_seconds: None });
        assert!(html.contains("You are next in line") && html.contains("as soon as somebody"));
    }

    #[test]
    fn a_place_far_back_in_a_long_line_says_so() {
        let of =
            |ahead, waiting| page(LineState::Waiting { ahead, waiting, expected_seconds: None });
        let html = of(199, 200);
        assert!(html.contains("200th</b> of more than 200"), "{html}");
        let html = of(200, 200);
        assert!(html.contains("after more than 200</b> people"), "{html}");
        assert!(html.contains("More than 200 people are before you"), "{html}");
    }

    #[test]
    fn an_offer_asks_for_the_command_and_says_until_when() {
        let hostname = "lablink-vm-dev-3".to_owned();
        let until = Timestamp::UNIX_EPOCH;
        let command = CommandForm::default();
        let html = page(LineState::Offered { hostname, until, asks: AsksCommand::Always, command });
        assert!(html.contains("A machine is ready for you") && html.contains("lablink-vm-dev-3"));
        assert!(html.contains(r#"action="/line/k3y/claim""#) && html.contains("1970-01-01"));
        assert!(!html.contains(r#"http-equiv="refresh""#), "somebody types");
        assert!(html.contains(r#"<a href="/line/k3y">Load it again</a>"#));
    }

    #[test]
    fn a_refused_command_stays_to_be_corrected() {
        let command = CommandForm { crd_command: "<b>".into(), error: Some("No code.".into()) };
        let until = Timestamp::UNIX_EPOCH;
        let html = page(LineState::Offered {
            hostname: "vm".into(),
            until,
            asks: AsksCommand::Always,
            command,
        });
        assert!(html.contains("No code.") && html.contains("&#60;b&#62;</textarea>"));
        assert!(html.contains("data-live") && html.contains("data-corrects"));
        assert!(html.contains("<title>Error: ") && html.contains(r#"invalid="true" autofocus"#));
    }

    #[test]
    fn a_place_that_is_over_leads_back() {
        for end in [LineEnd::Claimed, LineEnd::Left, LineEnd::Removed, LineEnd::Lapsed] {
            let html = page(LineState::Over(end));
            assert!(html.contains(r#"href="/""#) && !html.contains("data-live"));
        }
    }
}
