use jiff::Timestamp;
use reqwest::{Url, header::DATE};

use super::{Finding, Roots, allocator::client};

/// Further apart, signatures of AWS and one-time codes are refused soon; certificates follow.
const APART: i64 = 30;
const TOO_FAR: i64 = 240;

/// Whether this machine's clock and another one's (`whose`, as in "the database's") agree.
pub fn clock(whose: &str, theirs: Timestamp, ours: Timestamp) -> Finding {
    let seconds = ours.as_second() - theirs.as_second();
    let apart = seconds.abs();
    let direction = if seconds > 0 { "ahead of" } else { "behind" };
    let seen = format!("This machine's clock is {apart} s {direction} {whose}.");
    let todo = "Set the clock that is wrong: let chrony or systemd-timesyncd run on both machines.";
    match apart {
        TOO_FAR.. => Finding::broken(seen, todo),
        APART.. => Finding::warning(seen, todo),
        _ => Finding::well(format!("This machine's clock agrees with {whose}.")),
    }
}

/// The time that the allocator tells with each answer; none: it tells none.
pub async fn told_time(url: &Url, roots: &Roots) -> Option<Timestamp> {
    let answer = client(roots).ok()?.get(url.join("/healthz").ok()?).send().await.ok()?;
    let text = answer.headers().get(DATE)?.to_str().ok()?;
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_with_its_direction() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        assert_eq!(clock("AWS's", at(3), now).word(), "well");
        let behind = clock("AWS's", at(45), now);
        assert!(behind.word() == "warning" && behind.seen().contains("45 s behind AWS's"));
        assert!(clock("AWS's", at(-600), now).seen().contains("600 s ahead of"));
        assert!(clock("AWS's", at(-600), now).is_broken());
    }
}
