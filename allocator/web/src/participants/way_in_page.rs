use askama::Template;
use jiff::Timestamp;
use lablink_core::line::INVITED_FOR;

use crate::states::afterwards::Afterwards;

/// `/admin/claims/{id}`: three ways to let the right person in, each with what it ends.
#[derive(Template)]
#[template(path = "participants/way_in.html")]
pub struct WayInPage {
    pub claim_id: i64,
    pub email: String,
    pub hostname: String,
    pub locking_out: LockingOut,
    /// What becomes of the machine when the claim ends.
    pub afterwards: Afterwards,
    /// When its results last came home whole.
    pub last: Option<Timestamp>,
    pub now: Timestamp,
}

/// Whether the desktop can be ended and the machine kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LockingOut {
    Possible,
    /// An original client, or an agent from before.
    Impossible,
    /// The agent has not said that the desktop has ended.
    UnderWay,
    /// It waits for a new command.
    Done,
}

/// What an organiser has done, and what the link leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WayIn {
    Link,
    LockOut,
    Fresh,
}

/// The answer to it: the only time that the link is shown.
#[derive(Template)]
#[template(path = "participants/new_link.html")]
pub struct NewLinkPage {
    pub claim_id: i64,
    pub email: String,
    /// The machine that the link opens, or that was taken back.
    pub hostname: String,
    pub url: String,
    pub way: WayIn,
}

const INVITED_FOR_MINUTES: u64 = INVITED_FOR.as_secs() / 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::clear_page::ClearLinePage;

    fn page(locking_out: LockingOut, afterwards: Afterwards) -> String {
        let page = WayInPage {
            claim_id: 7,
            email: "<b>@example.org".to_owned(),
            hostname: "vm-1".to_owned(),
            locking_out,
            afterwards,
            last: None,
            now: Timestamp::UNIX_EPOCH,
        };
        page.render().unwrap()
    }

    #[test]
    fn three_ways_stand_beside_each_other() {
        let html = page(LockingOut::Possible, Afterwards::Replaced);
        for deed in ["link", "lock-out", "fresh-machine"] {
            assert!(html.contains(&format!(r#"action="/admin/claims/7/{deed}""#)), "{deed}");
        }
        assert!(html.contains("&#60;b&#62;@example.org") && html.contains("60 minutes"));
    }

    #[test]
    fn a_machine_that_can_not_end_a_desktop_says_so_and_what_happens_instead() {
        let html = page(LockingOut::Impossible, Afterwards::Cleaned);
        assert!(!html.contains("/lock-out\"") && html.contains("can’t close a desktop"));
        assert!(html.contains("End it") && html.contains("cleaned"));
        for (standing, says) in [
            (LockingOut::UnderWay, "has not confirmed it yet"),
            (LockingOut::Done, "has been closed"),
        ] {
            assert!(page(standing, Afterwards::Held).contains(says), "{says}");
        }
    }

    #[test]
    fn the_link_is_shown_with_what_it_leads_to() {
        for (way, says) in [
            (WayIn::Link, "as they were"),
            (WayIn::LockOut, "new PIN"),
            (WayIn::Fresh, "first place in line"),
        ] {
            let (email, hostname) = ("ada@example.org".to_owned(), "vm-1".to_owned());
            let url = "https://lab.example/claims/k3y".to_owned();
            let html = NewLinkPage { claim_id: 7, email, hostname, url, way }.render().unwrap();
            assert!(html.contains(says) && html.contains("https://lab.example/claims/k3y"));
        }
    }

    #[test]
    fn who_loses_their_place_is_counted_first() {
        let page = ClearLinePage { places: 3, or_more: false, kept: 1, now: Timestamp::UNIX_EPOCH };
        let html = page.render().unwrap();
        assert!(html.contains("3 people") && html.contains(r#"action="/api/places/clear""#));
    }
}
