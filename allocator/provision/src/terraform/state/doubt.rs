use std::fmt;

use lablink_core::state::{Fault, Version};
use lablink_protocol::Hostname;

/// How many names are listed. The rest is counted.
const LISTED: usize = 20;

/// Why a state is not taken for true.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Doubt {
    pub fault: Fault,
    /// VMs that exist by all that is known, and that it lacks.
    pub lacking: Vec<Hostname>,
    pub seen: Option<Version>,
    pub found: Option<Version>,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nothing was changed, because Terraform's state can't be true: ")?;
        match (self.fault, &self.found, &self.seen) {
            (Fault::Empty, _, _) => f.write_str("it is empty, or gone.")?,
            (Fault::Unreadable, _, _) => {
                f.write_str("it is cut off, or of a format that LabLink does not know.")?;
            }
            (Fault::OtherHistory, Some(found), Some(seen)) => write!(
                f,
                "it belongs to another history than the one seen last (lineage {} instead of {}).",
                found.lineage, seen.lineage
            )?,
            (Fault::Older, Some(found), Some(seen)) => write!(
                f,
                "it is older than the one seen last (serial {} after {}).",
                found.serial, seen.serial
            )?,
            (Fault::OtherHistory | Fault::Older | Fault::Incomplete, _, _) => {
                f.write_str("it has lost VMs.")?;
            }
        }
        if !self.lacking.is_empty() {
            write!(f, " It lacks {}, which LabLink has made.", listed(&self.lacking))?;
        }
        f.write_str(
            " Bring them back into the state, or give them up: the operation's page offers both.",
        )
    }
}

/// As in `a, b and 7 more`.
pub(in crate::terraform) fn listed<T: ToString>(names: &[T]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(T::to_string).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_and_which_vms_it_is_about() {
        let version = |lineage: &str, serial| Some(Version { lineage: lineage.to_owned(), serial });
        let lacking = vec!["vm-1".parse().unwrap(), "vm-2".parse().unwrap()];
        let (seen, found) = (version("a", 9), version("a", 7));
        let doubt = Doubt { fault: Fault::Older, lacking, seen, found };
        let said = doubt.to_string();
        assert!(said.contains("serial 7 after 9") && said.contains("vm-1, vm-2"), "{said}");
        let many: Vec<Hostname> = (0..30).map(|n| format!("vm-{n}").parse().unwrap()).collect();
        assert!(listed(&many).ends_with("vm-19 and 10 more"));
    }
}
