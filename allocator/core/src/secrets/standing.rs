use jiff::{SignedDuration, Timestamp};

/// How credentials stand with AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// AWS knows the typed keys. They end then, if somebody said so.
    Typed { ends: Option<Timestamp> },
    /// AWS knows what the process found by itself. Such a session is renewed by its source.
    Found { ends: Option<Timestamp> },
    /// AWS knows no such credentials, or none are there. AWS's own words.
    Invalid { reason: String },
}

/// Somebody has to get new keys and type them.
const BEFORE_TYPED: SignedDuration = SignedDuration::from_mins(60);
/// AWS renews a machine's role at least five minutes before the end. What is not renewed by then will
/// not be.
const BEFORE_FOUND: SignedDuration = SignedDuration::from_mins(5);

impl Standing {
    /// When the credentials end, if that is known.
    pub fn ends(&self) -> Option<Timestamp> {
        match self {
            Self::Typed { ends } | Self::Found { ends } => *ends,
            Self::Invalid { .. } => None,
        }
    }

    pub fn is_valid(&self, now: Timestamp) -> bool {
        !matches!(self, Self::Invalid { .. }) && self.ends().is_none_or(|ends| now < ends)
    }

    pub(super) fn is_valid_now(&self) -> bool {
        self.is_valid(Timestamp::now())
    }

    /// What organisers must know before it is too late, as a sentence or two.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let (ends, before, what) = match self {
            Self::Invalid { reason } => {
                let reason = reason.trim_end_matches('.');
                return Some(format!(
                    "AWS does not accept LabLink’s credentials ({reason}), so nothing can be \
                     launched or destroyed there. Give new ones on the page AWS."
                ));
            }
            Self::Typed { ends } => ((*ends)?, BEFORE_TYPED, "The AWS keys that were typed"),
            Self::Found { ends } => ((*ends)?, BEFORE_FOUND, "LabLink’s AWS credentials"),
        };
        let at = ends.strftime("%H:%M UTC");
        if ends <= now {
            return Some(format!(
                "{what} have ended at {at}, so nothing can be launched or destroyed on AWS. Give new \
                 ones on the page AWS."
            ));
        }
        (ends.duration_since(now) <= before).then(|| {
            format!(
                "{what} end at {at}. From then on nothing can be launched or destroyed on AWS: give \
                 new ones on the page AWS before."
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_end_is_told_before_it_comes_and_after_it() {
        let ends = Some(at("2026-05-01T14:30:00Z"));
        for (standing, clock, told) in [
            (Standing::Typed { ends }, "13:29", None),
            (Standing::Typed { ends }, "13:30", Some("end at 14:30 UTC")),
            (Standing::Typed { ends }, "14:30", Some("have ended at 14:30 UTC")),
            (Standing::Typed { ends: None }, "14:31", None),
            // It is renewed in time.
            (Standing::Found { ends }, "14:20", None),
            (Standing::Found { ends }, "14:26", Some("LabLink’s AWS credentials end")),
            (Standing::Found { ends }, "14:31", Some("have ended")),
        ] {
            let now = at(&format!("2026-05-01T{clock}:00Z"));
            let warning = standing.warning(now);
            let fits = match told {
                None => warning.is_none(),
                Some(part) => warning.as_deref().is_some_and(|text| text.contains(part)),
            };
            assert!(fits, "{standing:?} at {clock}: {warning:?}");
            assert_eq!(standing.is_valid(now), !told.is_some_and(|it| it.contains("ended")));
        }
    }

    #[test]
    fn credentials_that_aws_refuses_are_told_with_its_reason() {
        let refused = Standing::Invalid { reason: "The security token is invalid.".to_owned() };
        let warning = refused.warning(Timestamp::UNIX_EPOCH).unwrap();
        assert!(warning.contains("(The security token is invalid)"), "{warning}");
        assert!(!refused.is_valid(Timestamp::UNIX_EPOCH));
    }
}
