use lablink_web::gallery::*;

use crate::{Pages, add, before, now};

const EMAIL: &str = "a.very.long.name@students.university.example";

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    let way_in = |locking_out, afterwards| WayInPage {
        claim_id: 7,
        email: EMAIL.to_owned(),
        hostname: "lablink-vm-prod-6".to_owned(),
        locking_out,
        afterwards,
        last: Some(before(720)),
        now: now(),
    };
    add(pages, "way-in", &way_in(LockingOut::Possible, Afterwards::Replaced))?;
    add(pages, "way-in-original", &way_in(LockingOut::Impossible, Afterwards::Held))?;
    add(pages, "way-in-under-way", &way_in(LockingOut::UnderWay, Afterwards::Cleaned))?;
    add(pages, "way-in-done", &way_in(LockingOut::Done, Afterwards::Replaced))?;
    for (name, path, way) in [
        ("new-link", "claims", WayIn::Link),
        ("new-link-lock-out", "claims", WayIn::LockOut),
        ("new-link-fresh", "line", WayIn::Fresh),
    ] {
        let secret = "Jx7Qd0nXb2bqW1_3nYk0d7e8aaTq5Zs9mPp4rVv6w";
        let page = NewLinkPage {
            claim_id: 7,
            email: EMAIL.to_owned(),
            hostname: "lablink-vm-prod-6".to_owned(),
            url: format!("https://lablink.example.org/{path}/{secret}"),
            way,
        };
        add(pages, name, &page)?;
    }
    add(pages, "clear-line", &ClearLinePage { places: 200, or_more: true, kept: 9, now: now() })
}
