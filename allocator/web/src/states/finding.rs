//! What the cloud says of a machine whose agent is not heard, in words.

use lablink_core::aws::{Check, Finding};

/// None: the cloud sees nothing wrong.
pub fn words(finding: &Finding) -> Option<String> {
    let said = |said: &Option<String>| {
        said.as_ref().map(|said| format!(" ({})", said.trim_end_matches('.'))).unwrap_or_default()
    };
    match finding {
        Finding::Runs | Finding::Starts => None,
        Finding::Stopped { said: why } => Some(format!("AWS says: it was stopped{}.", said(why))),
        Finding::Ended { said: why } => {
            Some(format!("AWS says: it was ended for good{}.", said(why)))
        }
        Finding::Impaired { checks } => {
            let checks: Vec<&str> = checks.iter().map(|check| trouble(*check)).collect();
            Some(format!("AWS says: {}.", checks.join(", and ")))
        }
    }
}

fn trouble(check: Check) -> &'static str {
    match check {
        Check::Machine => "its operating system does not answer",
        Check::Hardware => "the hardware below it has a fault, which only AWS can repair",
        Check::Disks => "its disk does not answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cloud_s_own_words_say_by_whom_and_when() {
        let said = Some("User initiated (2026-11-26 10:32:00 GMT)".to_owned());
        assert_eq!(
            words(&Finding::Stopped { said }).unwrap(),
            "AWS says: it was stopped (User initiated (2026-11-26 10:32:00 GMT))."
        );
        assert_eq!(
            words(&Finding::Ended { said: None }).unwrap(),
            "AWS says: it was ended for good."
        );
        assert_eq!(words(&Finding::Runs), None);
    }
}
