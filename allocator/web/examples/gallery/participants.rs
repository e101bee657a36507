use lablink_core::{Token, claims::Machine};
use lablink_web::gallery::*;

use crate::{Pages, SCRIPT, add, before};

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    let blank = |free| RequestPage {
        free,
        waiting: 3,
        own: None,
        email: String::new(),
        crd_command: String::new(),
        asks: AsksCommand::Always,
        access_code: None,
        problem: None,
    };
    let refused = |free, problem| RequestPage {
        free,
        waiting: 12,
        own: None,
        email: "ada@example.org".to_owned(),
        crd_command: "start-host --code 4/0AbC".to_owned(),
        asks: AsksCommand::Always,
        access_code: None,
        problem: Some(problem),
    };
    add(pages, "request", &blank(12))?;
    add(pages, "request-none", &blank(0))?;
    let asks = AsksCommand::Never;
    add(pages, "request-tab", &RequestPage { asks, ..blank(12) })?;
    let asks = AsksCommand::WhoLikes;
    add(pages, "request-either", &RequestPage { asks, ..blank(12) })?;
    add(pages, "request-needs-command", &refused(2, RequestProblem::NeedsCommand))?;
    let message = "This is not a Chrome Remote Desktop command: it has no --code=… part. Copy the \
                   whole command for Debian Linux from remotedesktop.google.com/headless.";
    let field = RequestField::CrdCommand;
    let invalid = RequestProblem::Invalid { field, message: message.to_owned() };
    add(pages, "request-invalid", &refused(12, invalid))?;
    let message = format!("'{SCRIPT}' is not an e-mail address.");
    let invalid = RequestProblem::Invalid { field: RequestField::Email, message };
    let page = RequestPage { email: SCRIPT.to_owned(), ..refused(1, invalid) };
    add(pages, "request-script", &page)?;
    add(pages, "request-full", &refused(0, RequestProblem::NoneFree))?;
    let own = Some(OwnPage::Machine("/claims/k3y".to_owned()));
    add(pages, "request-own", &RequestPage { own, ..blank(4) })?;
    add(pages, "request-in-line", &refused(0, RequestProblem::AlreadyInLine))?;
    add(pages, "request-claimed", &refused(7, RequestProblem::AlreadyClaimed))?;
    add(pages, "request-sent-before", &refused(7, RequestProblem::SentBefore))?;
    add(pages, "request-address-full", &refused(0, RequestProblem::AddressFull))?;
    add(pages, "request-invited", &refused(3, RequestProblem::Invited))?;
    add(pages, "request-many", &refused(7, RequestProblem::TooMany))?;
    let codes = RequestProblem::TooManyCodes { minutes: 12 };
    let access_code = Some("7412".to_owned());
    add(pages, "request-codes", &RequestPage { access_code, ..refused(7, codes) })?;

    let claim = |state| ClaimPage {
        link: Token::presented("Jx7Qd0nXb2"),
        hostname: "lablink-vm-prod-12".to_owned(),
        claimed_at: before(40),
        moved_from: None,
        state,
    };
    let held_by = |way, connection, error: Option<&str>| {
        let crd_command = error.map(|_| "start-host --name=$(hostname)".to_owned());
        let command = CommandForm {
            crd_command: crd_command.unwrap_or_default(),
            error: error.map(str::to_owned),
        };
        let (pin, machine) = ("204817".to_owned(), Machine::Fine);
        claim(ClaimState::Held { way, pin, machine, taken_back_at: None, connection, command })
    };
    let held = |connection, error| held_by(Way::Command, connection, error);
    let reason = format!("The code was used before, or is older than five minutes. {SCRIPT}");
    add(pages, "claim-claimed", &held(Connection::Claimed, None))?;
    add(pages, "claim-connecting", &held(Connection::Connecting, None))?;
    add(pages, "claim-ready", &held(Connection::Ready, None))?;
    add(pages, "claim-tab", &held_by(Way::Tab, Connection::Ready, None))?;
    add(pages, "claim-tab-starts", &held_by(Way::Tab, Connection::Connecting, None))?;
    add(pages, "claim-either", &held_by(Way::Either, Connection::Ready, None))?;
    let failed = || Connection::Failed { reason: "The VNC server ended at once.".to_owned() };
    add(pages, "claim-tab-failed", &held_by(Way::Tab, failed(), None))?;
    add(pages, "claim-failed", &held(Connection::Failed { reason }, None))?;
    let refused_command = "This is not a Chrome Remote Desktop command: it has no --code=… part.";
    add(pages, "claim-refused", &held(Connection::Ready, Some(refused_command)))?;
    for machine in [
        Machine::AwaitsAnother,
        Machine::Faulty,
        Machine::Leaving,
        Machine::Ending,
        Machine::Silent,
        Machine::LockingOut,
        Machine::LockedOut,
    ] {
        let reason = "start-host was killed on this machine.".to_owned();
        let (pin, command) = ("204817".to_owned(), CommandForm::default());
        let connection = Connection::Failed { reason };
        let taken_back_at = Some(before(-2));
        let way = Way::Command;
        let page =
            claim(ClaimState::Held { way, pin, machine, taken_back_at, connection, command });
        add(pages, &format!("claim-{}", machine.as_str().replace('_', "-")), &page)?;
    }
    let moved_from = Some("lablink-vm-prod-3".to_owned());
    let moved = ClaimPage { moved_from, ..held(Connection::Connecting, None) };
    add(pages, "claim-moved", &moved)?;
    add(pages, "claim-returned", &claim(ClaimState::Ended(ReleaseReason::Returned)))?;
    add(pages, "claim-released", &claim(ClaimState::Ended(ReleaseReason::Released)))?;
    add(pages, "claim-destroyed", &claim(ClaimState::Ended(ReleaseReason::Destroyed)))?;

    let page = DesktopPage {
        link: Token::presented("Jx7Qd0nXb2"),
        hostname: "lablink-vm-prod-12".to_owned(),
    };
    add(pages, "desktop", &page)?;

    let page = ClaimReturnPage {
        link: Token::presented("Jx7Qd0nXb2"),
        hostname: "lablink-vm-prod-12".to_owned(),
        afterwards: Afterwards::Replaced,
    };
    add(pages, "claim-return", &page)?;

    let place = |state| LinePage { link: Token::presented("Jx7Qd0nXb2"), state };
    let waiting = |ahead, expected_seconds| {
        place(LineState::Waiting { ahead, waiting: 12, expected_seconds })
    };
    add(pages, "line-waiting", &waiting(4, None))?;
    add(pages, "line-next", &waiting(0, Some(140)))?;
    let offered = |asks, error: Option<&str>| {
        let command = CommandForm { crd_command: String::new(), error: error.map(str::to_owned) };
        let hostname = "lablink-vm-prod-12".to_owned();
        place(LineState::Offered { hostname, until: before(-600), asks, command })
    };
    add(pages, "line-offered", &offered(AsksCommand::Always, None))?;
    add(pages, "line-offered-tab", &offered(AsksCommand::Never, None))?;
    add(pages, "line-refused", &offered(AsksCommand::Always, Some(refused_command)))?;
    add(pages, "line-lapsed", &place(LineState::Over(LineEnd::Lapsed)))?;
    add(pages, "line-removed", &place(LineState::Over(LineEnd::Removed)))?;
    add(pages, "line-left", &place(LineState::Over(LineEnd::Left)))?;

    let error = ErrorPage {
        form: None,
        status: 404,
        title: "There is nothing here".to_owned(),
        message: "The link may be cut off: copy all of it, or ask your organiser for a new one."
            .to_owned(),
        request_id: "0f3c9a52-7d1e-4b6a".to_owned(),
    };
    add(pages, "error", &error)
}
