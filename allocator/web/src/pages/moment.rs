//! Points and stretches of time in words. The server writes UTC; `live.js` turns it into the
//! reader's zone.

use jiff::Timestamp;

/// Such as `8 Aug 2026, 14:03 UTC`.
pub fn utc(at: &Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// Such as `12 s ago`. A clock that runs ahead counts as now.
pub fn ago(then: &Timestamp, now: &Timestamp) -> String {
    match now.as_second() - then.as_second() {
        ..5 => "just now".to_owned(),
        seconds @ ..60 => format!("{seconds} s ago"),
        seconds @ ..3600 => format!("{} min ago", seconds / 60),
        seconds @ ..86_400 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// Such as `3 min 12 s`.
pub fn stretch(seconds: &i64) -> String {
    match *seconds {
        seconds @ ..60 => format!("{} s", seconds.max(0)),
        seconds @ ..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Such as `3 min`: what is only estimated needs no seconds.
pub fn roughly(seconds: &i64) -> String {
    match *seconds {
        seconds @ ..60 => format!("{} s", seconds.max(0)),
        seconds @ ..3600 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h", (seconds + 1800) / 3600),
    }
}

/// Such as `3rd`.
pub fn nth(number: i64) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let at: Timestamp = "2026-08-08T16:03:59+02:00".parse().unwrap();
        assert_eq!(utc(&at), "8 Aug 2026, 14:03 UTC");
    }

    #[test]
    fn ages_use_the_largest_unit_that_fits() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| ago(&Timestamp::from_second(1_000_000 - seconds).unwrap(), &now);
        assert_eq!(ago(-30), "just now");
        assert_eq!(ago(59), "59 s ago");
        assert_eq!(ago(60), "1 min ago");
        assert_eq!(ago(7_300), "2 h ago");
        assert_eq!(ago(200_000), "2 d ago");
    }

    #[test]
    fn places_are_counted_as_people_do() {
        let counted: Vec<_> = [1, 2, 3, 4, 11, 12, 21, 113].map(nth).into();
        assert_eq!(counted, ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "113th"]);
        assert_eq!((roughly(&130), roughly(&20)), ("2 min".to_owned(), "20 s".to_owned()));
    }

    #[test]
    fn stretches_keep_two_units() {
        assert_eq!(stretch(&-1), "0 s");
        assert_eq!(stretch(&59), "59 s");
        assert_eq!(stretch(&192), "3 min 12 s");
        assert_eq!(stretch(&7_500), "2 h 5 min");
    }
}
