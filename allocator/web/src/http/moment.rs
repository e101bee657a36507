//! Points in time as callers write them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

/// The moment that a JSON value tells: unix seconds, with or without a fraction, as a number or as
/// text, or ISO 8601 (UTC where it names no zone).
pub fn of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => unix(number.as_f64()?),
        Value::String(text) => parse(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The moment that a text tells.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return unix(seconds);
    }
    let zoned = text.parse::<Timestamp>().ok();
    zoned.or_else(|| {
        let civil = text.parse::<DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

fn unix(seconds: f64) -> Option<Timestamp> {
    let microseconds = (seconds * 1e6).round();
    // A double holds every microsecond of the next two centuries.
    let in_range = microseconds.abs() < 1e16;
    #[expect(clippy::cast_possible_truncation, reason = "in range")]
    in_range.then(|| Timestamp::from_microsecond(microseconds as i64).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn seconds_and_iso_8601_tell_the_same_moment() {
        let moment = Timestamp::from_second(1_772_355_600).unwrap();
        for value in [
            json!(1_772_355_600),
            json!(1_772_355_600.0),
            json!("1772355600"),
            json!(" 1772355600.000 "),
            json!("2026-03-01T09:00:00Z"),
            json!("2026-03-01T10:00:00+01:00"),
            json!("2026-03-01T09:00:00"),
            json!("2026-03-01 09:00:00"),
        ] {
            assert_eq!(of(&value), Some(moment), "{value}");
        }
        assert_eq!(of(&json!(0.5)), Some(Timestamp::from_millisecond(500).unwrap()));
    }

    #[test]
    fn what_tells_no_moment_is_none() {
        for value in [
            json!(null),
            json!(true),
            json!([1]),
            json!({}),
            json!(""),
            json!("soon"),
            json!("NaN"),
            json!("inf"),
            json!(1e300),
            json!(-1e300),
        ] {
            assert_eq!(of(&value), None, "{value}");
        }
    }
}
