use askama::Template;

use crate::states::asks_command::AsksCommand;

/// `/`: where a participant asks for a machine. Also the answer to `POST /api/request_vm` that
/// could not be met, with what was typed.
#[derive(Template)]
#[template(path = "request/request.html")]
pub struct RequestPage {
    /// VMs that can be claimed now, less the places in line.
    pub free: i64,
    /// How many stand in line.
    pub waiting: i64,
    /// What this browser has already.
    pub own: Option<OwnPage>,
    pub email: String,
    pub crd_command: String,
    pub asks: AsksCommand,
    /// What was typed; none where no code is asked for.
    pub access_code: Option<String>,
    pub problem: Option<RequestProblem>,
}

/// The path of a page of this browser's own.
pub enum OwnPage {
    Machine(String),
    PlaceInLine(String),
}

/// Why the request was not met.
pub enum RequestProblem {
    /// 422: a field can't be used; the sentence says what to do.
    Invalid { field: RequestField, message: String },
    /// 503: every machine is taken.
    NoneFree,
    /// 409: the machines that are free show no desktop in a tab.
    NeedsCommand,
    /// 409: this e-mail has a place in line, and nothing shows that it is the same person.
    AlreadyInLine,
    /// 409: this e-mail holds a machine, and nothing shows that it is the same person.
    AlreadyClaimed,
    /// 409: an organiser keeps a machine for this e-mail, behind a link of its own.
    Invited,
    /// 429: this network address has as many people in line and with machines as it may have.
    AddressFull,
    /// 409 or 422: what the same form got is over, or it was for somebody else.
    SentBefore,
    /// 429: too many tries.
    TooMany,
    /// 429: too many wrong access codes were sent.
    TooManyCodes { minutes: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RequestField {
    Email,
    CrdCommand,
    AccessCode,
}

impl RequestPage {
    fn message_for(&self, wanted: RequestField) -> Option<&str> {
        match &self.problem {
            Some(RequestProblem::Invalid { field, message }) if *field == wanted => Some(message),
            _ => None,
        }
    }

    /// Whether the form offers a place in line.
    fn offers_place(&self) -> bool {
        self.free < 1 || matches!(self.problem, Some(RequestProblem::NoneFree))
    }

    /// Those who came without a command are shown where it goes.
    fn shows_command(&self) -> bool {
        self.command_error().is_some()
            || !self.crd_command.is_empty()
            || matches!(self.problem, Some(RequestProblem::NeedsCommand))
    }

    fn email_error(&self) -> Option<&str> {
        self.message_for(RequestField::Email)
    }

    fn code_error(&self) -> Option<&str> {
        self.message_for(RequestField::AccessCode)
    }

    fn command_error(&self) -> Option<&str> {
        self.message_for(RequestField::CrdCommand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(free: i64, problem: Option<RequestProblem>) -> String {
        let (email, crd_command) = ("ada@example.org".to_owned(), "--code=4/x".to_owned());
        RequestPage {
            free,
            waiting: 4,
            own: None,
            email,
            crd_command,
            asks: AsksCommand::Always,
            access_code: Some("class-7".to_owned()),
            problem,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn an_empty_pool_offers_a_place_in_line_that_needs_no_command() {
        let html = page(0, None);
        assert!(html.contains("4 people wait"));
        assert!(html.contains(r#"formaction="/line" formnovalidate"#));
        assert!(!page(1, None).contains("formaction"));
        assert!(page(1, Some(RequestProblem::NoneFree)).contains("formaction"), "lost the race");
    }

    #[test]
    fn a_browser_is_led_to_what_it_has() {
        for (own, text) in [
            (OwnPage::Machine("/claims/k".to_owned()), "You have a machine"),
            (OwnPage::PlaceInLine("/line/k".to_owned()), "You are in line"),
        ] {
            let html = RequestPage {
                free: 1,
                waiting: 0,
                own: Some(own),
                email: String::new(),
                crd_command: String::new(),
                asks: AsksCommand::Always,
                access_code: None,
                problem: None,
            };
            assert!(html.render().unwrap().contains(text));
        }
    }

    #[test]
    fn says_how_many_machines_are_free() {
        assert!(page(1, None).contains("1 machine free"));
        assert!(page(12, None).contains("12 machines free"));
        assert!(page(0, None).contains("No machine free"));
    }

    #[test]
    fn an_error_is_tied_to_its_field_and_keeps_what_was_typed() {
        for (field, name) in [
            (RequestField::Email, "email"),
            (RequestField::CrdCommand, "command"),
            (RequestField::AccessCode, "code"),
        ] {
            let message = "Copy it again.".to_owned();
            let html = page(3, Some(RequestProblem::Invalid { field, message }));
            let described =
                format!(r#"aria-invalid="true" autofocus aria-describedby="problem {name}-hint""#);
            assert_eq!(html.matches(&described).count(), 1, "{name}");
            assert_eq!(html.matches("aria-invalid").count(), 1, "{name}");
            assert!(html.contains(r#"id="problem""#) && html.contains("Copy it again."));
            assert!(html.contains("ada@example.org") && html.contains("--code=4/x"));
        }
    }

    #[test]
    fn refusals_say_what_to_do_next() {
        assert!(page(0, Some(RequestProblem::NoneFree)).contains("Take a place in line"));
        let claimed = page(2, Some(RequestProblem::AlreadyClaimed));
        for way_in in ["link of your machine", "same browser", "same command", "organiser"] {
            assert!(claimed.contains(way_in), "{way_in}");
        }
        assert!(page(2, Some(RequestProblem::TooMany)).contains("Wait a minute"));
        assert!(page(2, Some(RequestProblem::AddressFull)).contains("access code"));
        assert!(page(2, Some(RequestProblem::Invited)).contains("organiser has made"));
        let codes = page(2, Some(RequestProblem::TooManyCodes { minutes: 7 }));
        assert!(codes.contains("7 minutes") && codes.contains("organiser"));
        assert!(page(2, Some(RequestProblem::SentBefore)).contains("send the form again"));
    }

    /// A browser checks `type="email"` by rules of its own, and rewrites what it takes.
    #[test]
    fn fields_let_through_what_the_server_takes_and_phones_correct_nothing() {
        let html = page(1, None);
        assert!(!html.contains(r#"type="email""#) && !html.contains("pattern="));
        assert!(html.contains(r#"inputmode="email""#) && html.contains(r#"autocomplete="email""#));
        for field in [r#"id="email""#, r#"id="code""#, r#"id="command""#] {
            let field = html.split(field).nth(1).unwrap().split('>').next().unwrap();
            for quiet in
                [r#"autocapitalize="none""#, r#"autocorrect="off""#, r#"spellcheck="false""#]
            {
                assert!(field.contains(quiet), "{field}");
            }
        }
    }

    #[test]
    fn what_people_type_is_escaped() {
        let script = "\"><script>alert(1)</script>".to_owned();
        let html = RequestPage {
            free: 1,
            waiting: 0,
            own: None,
            email: script.clone(),
            crd_command: script.clone(),
            asks: AsksCommand::Always,
            access_code: Some(script.clone()),
            problem: Some(RequestProblem::Invalid { field: RequestField::Email, message: script }),
        };
        assert!(!html.render().unwrap().contains("<script>alert"));
    }
}
