use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Code, Finding};

/// What one check found.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub code: Code,
    #[serde(flatten)]
    pub finding: Finding,
}

impl Checked {
    /// Whether others may rest on it.
    pub fn is_well(&self) -> bool {
        matches!(self.finding, Finding::Well { .. } | Finding::Warning { .. })
    }
}

/// What all of them found, in the order of the layers.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub checks: Vec<Checked>,
}

impl Report {
    /// The layer to look at first; none: nothing is broken.
    pub fn first_broken(&self) -> Option<&Checked> {
        self.checks.iter().find(|checked| checked.finding.is_broken())
    }

    /// Takes in what another one has seen from elsewhere. What both have looked at is told once: as it
    /// is worse.
    pub fn join(&mut self, other: Self) {
        for theirs in other.checks {
            match self.checks.iter_mut().find(|ours| ours.code == theirs.code) {
                Some(ours) if rank(&ours.finding) < rank(&theirs.finding) => *ours = theirs,
                Some(_) => {}
                None => self.checks.push(theirs),
            }
        }
        self.checks.sort_by_key(|checked| checked.code);
    }
}

fn rank(finding: &Finding) -> u8 {
    match finding {
        Finding::Skipped { .. } => 0,
        Finding::Well { .. } => 1,
        Finding::Warning { .. } => 2,
        Finding::Broken { .. } => 3,
    }
}

/// A line for each, and below it what to do.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Checked { code, finding } in &self.checks {
            writeln!(f, "{:<8} {:<16} {}", finding.word(), code.as_str(), finding.seen())?;
            if let Some(todo) = finding.todo() {
                writeln!(f, "{:<8} {:<16} → {todo}", "", "")?;
            }
        }
        match self.first_broken() {
            None => write!(f, "\nNothing is broken."),
            Some(first) => write!(
                f,
                "\nThe first layer that is broken is '{}' ({}).",
                first.code,
                first.code.title()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reports_are_one_with_the_worse_of_each() {
        let of = |code, finding| Checked { code, finding };
        let mut ours = Report {
            checks: vec![
                of(Code::Ready, Finding::well("200")),
                of(Code::Database, Finding::skipped("far")),
            ],
        };
        ours.join(Report {
            checks: vec![
                of(Code::Database, Finding::broken("gone", "start it")),
                of(Code::Ready, Finding::skipped("here")),
                of(Code::Host, Finding::well("up")),
            ],
        });
        let words: Vec<_> = ours.checks.iter().map(|it| (it.code, it.finding.word())).collect();
        assert_eq!(
            words,
            [(Code::Host, "well"), (Code::Ready, "well"), (Code::Database, "broken")]
        );
        assert!(ours.to_string().contains("→ start it"), "{ours}");
        let json = serde_json::to_string(&ours).unwrap();
        assert!(json.contains(r#"{"code":"database","state":"broken","seen":"gone""#), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), ours);
    }
}
