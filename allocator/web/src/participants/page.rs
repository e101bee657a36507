use askama::Template;
use jiff::Timestamp;

use crate::{line::place_row::PlaceRow, states::claim::Connection};

/// `/admin/participants`: who has a VM, who waits, who wants to get back in. Made to be printed as
/// well. It changes by itself.
#[derive(Template)]
#[template(path = "participants/participants.html")]
pub struct ParticipantsPage {
    /// What the organiser should know of the form.
    pub note: Option<&'static str>,
    pub reentries: Vec<ReentryRow>,
    pub same_person: Vec<SamePersonRow>,
    pub crowd: Option<AddressCrowd>,
    /// In the order of the line.
    pub line: Vec<PlaceRow>,
    /// The newest first.
    pub claims: Vec<OpenClaim>,
    /// URL of the page with earlier claims.
    pub next: Option<String>,
    pub now: Timestamp,
}

/// Somebody who knew only a claim's e-mail.
pub struct ReentryRow {
    pub claim_id: i64,
    pub email: String,
    pub hostname: String,
    pub asked: i64,
    pub last_asked_at: Timestamp,
}

/// Two machines of somebody whose address was typed in two ways, each with its spelling.
pub struct SamePersonRow {
    pub first: (String, String),
    pub later: (String, String),
}

/// The address from which most places in line come.
pub struct AddressCrowd {
    /// One of them.
    pub place: i64,
    pub places: i64,
}

pub struct OpenClaim {
    pub id: i64,
    pub email: String,
    pub hostname: String,
    pub connection: Connection,
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_who_asks_who_waits_and_who_has_a_vm() {
        let page = ParticipantsPage {
            note: Some("Anybody can take machines."),
            crowd: Some(AddressCrowd { place: 7, places: 30 }),
            reentries: vec![ReentryRow {
                claim_id: 41,
                email: "<b>ada</b>@example.org".to_owned(),
                hostname: "vm-1".to_owned(),
                asked: 3,
                last_asked_at: Timestamp::UNIX_EPOCH,
            }],
            same_person: vec![SamePersonRow {
                first: ("dee@müller.example".to_owned(), "vm-3".to_owned()),
                later: ("dee@xn--mller-kva.example".to_owned(), "vm-4".to_owned()),
            }],
            line: vec![PlaceRow {
                id: 7,
                of_address: Some(30),
                is_invited: true,
                email: "bob@example.org".to_owned(),
                since: Timestamp::UNIX_EPOCH,
                last_looked_at: Timestamp::UNIX_EPOCH,
                offered: Some("vm-9".to_owned()),
            }],
            claims: vec![OpenClaim {
                id: 42,
                email: "cy@example.org".to_owned(),
                hostname: "vm-2".to_owned(),
                connection: Connection::Ready,
                since: Timestamp::UNIX_EPOCH,
            }],
            next: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let html = page.render().unwrap();
        for key in ["&#60;b&#62;ada", "3 times", "bob@example.org", "vm-9", "cy@example.org"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains("One person, two machines") && html.contains("dee@xn--mller-kva"));
        assert!(html.contains(r#"href="/admin/vms/vm-4/release""#));
        assert!(html.contains(r#"action="/admin/claims/41/link""#));
        assert!(html.contains(r#"action="/admin/claims/42/link""#));
        assert!(html.contains(r#"href="/admin/claims/42""#), "and what else can be done");
        assert!(html.contains(r#"action="/api/places/7/remove""#));
        assert!(html.contains("30 places come from one address") && html.contains("Anybody can"));
        assert!(html.contains(r#"name="same_address_as" value="7""#) && html.contains("invited"));
        assert!(html.contains(r#"href="/admin/claims.csv""#));
    }

    #[test]
    fn an_empty_class_is_told() {
        let html = ParticipantsPage {
            note: None,
            crowd: None,
            reentries: Vec::new(),
            same_person: Vec::new(),
            line: Vec::new(),
            claims: Vec::new(),
            next: None,
            now: Timestamp::UNIX_EPOCH,
        };
        assert!(html.render().unwrap().contains("Nobody has a machine"));
    }
}
