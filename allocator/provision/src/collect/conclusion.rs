use lablink_core::{amount::counted, collections::OnSkipped, pools::Extension, worker::Ended};

use super::harvest::Harvest;

/// VMs that are named in a sentence; the report names all.
const NAMED: usize = 5;

/// Succeeded means that the VMs may go: everything that they have is here, but for what somebody
/// has said may be left out. That there was nothing at all is no failure then.
pub(super) fn conclusion(
    harvests: &[Harvest],
    extension: &Extension,
    on_skipped: OnSkipped,
) -> Ended {
    let is_kept = harvests.iter().any(|it| it.files > 0);
    let all = harvests.len();
    let short: Vec<&Harvest> = harvests.iter().filter(|it| it.shortfall().is_some()).collect();
    let left_out = left_out(harvests);
    if short.is_empty()
        && let Some(told) = left_out
    {
        return match on_skipped {
            OnSkipped::Accept => Ended::SucceededBut(told),
            OnSkipped::Stop => Ended::failed(format!(
                "{told} What is to be kept must be copied to where results lie, or fetched by \
                 hand; then say that the rest may go."
            )),
        };
    }
    if short.is_empty() {
        return if is_kept {
            Ended::Succeeded
        } else {
            Ended::SucceededBut(format!(
                "No {extension} files found in any VMs: there is nothing to download."
            ))
        };
    }
    let which = match &*short {
        [one] => one.hostname.to_string(),
        many => {
            let first: Vec<&str> = many.iter().take(NAMED).map(|it| it.hostname.as_str()).collect();
            let more = if many.len() > NAMED { "…" } else { "" };
            format!("{} of {all} VMs ({}{more})", many.len(), first.join(", "))
        }
    };
    let reason = if is_kept {
        format!(
            "{which} did not give everything. What came is in the archive, and its REPORT.csv \
             names what is missing. Trying again asks only what failed."
        )
    } else {
        format!(
            "{which} gave nothing, and the others have nothing: {}",
            sentence(&short.iter().find_map(|it| it.shortfall()).unwrap_or_default())
        )
    };
    Ended::failed(reason)
}

/// What was not collected and may be meant; none: nothing.
fn left_out(harvests: &[Harvest]) -> Option<String> {
    let with: Vec<&Harvest> = harvests.iter().filter(|it| it.skipped.count > 0).collect();
    let count: u64 = with.iter().map(|it| it.skipped.count).sum();
    let (first, told) = with.iter().find_map(|it| Some((&it.hostname, it.skipped.told()?)))?;
    Some(format!(
        "{} that may be results {} left out, on {} of {} VMs, first on {first}: {told}. The \
         archive's REPORT.csv lists them.",
        counted(count, "thing"),
        if count == 1 { "was" } else { "were" },
        with.len(),
        harvests.len(),
    ))
}

/// With a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{
        harvest::Missing,
        skipped::{Skipped, Why},
    };

    fn vm(number: u8, files: u64, failure: Option<&str>) -> Harvest {
        Harvest {
            hostname: format!("lablink-vm-test-{number}").parse().unwrap(),
            folder: format!("vm_{number}"),
            files,
            bytes: files,
            missing: Missing::default(),
            renamed: Vec::new(),
            skipped: Skipped::default(),
            seconds: 1.0,
            failure: failure.map(str::to_owned),
        }
    }

    /// Whether it succeeded, and what is said.
    fn told(harvests: &[Harvest], on_skipped: OnSkipped) -> (bool, Option<String>) {
        match conclusion(harvests, &Extension::default(), on_skipped) {
            Ended::Succeeded => (true, None),
            Ended::SucceededBut(note) => (true, Some(note)),
            Ended::Failed { reason, .. } => (false, Some(reason)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_succeeds_when_nothing_is_missing() {
        assert_eq!(told(&[vm(1, 3, None), vm(2, 0, None)], OnSkipped::Stop), (true, None));
        let (succeeded, reason) = told(&[vm(1, 0, None)], OnSkipped::Stop);
        assert!(succeeded);
        assert!(reason.unwrap().starts_with("No slp files found in any VMs"));
    }

    #[test]
    fn what_was_left_out_stops_it_until_that_is_accepted() {
        let mut vms = [vm(1, 3, None), vm(2, 0, None)];
        vms[1].skipped.add(b"results", Why::LinkToFolder((*b"/other/disk").into()));
        let (succeeded, reason) = told(&vms, OnSkipped::Stop);
        assert!(!succeeded);
        let expected = "1 thing that may be results was left out, on 1 of 2 VMs, first on \
            lablink-vm-test-2: results (a link to the folder /other/disk).";
        assert!(reason.as_ref().unwrap().starts_with(expected), "{reason:?}");
        let (succeeded, reason) = told(&vms, OnSkipped::Accept);
        assert!(succeeded && reason.unwrap().starts_with(expected));
    }

    #[test]
    fn it_fails_when_something_is_missing_and_says_what_there_is() {
        let vms = [vm(1, 3, None), vm(2, 1, Some("it hung")), vm(3, 0, Some("x"))];
        let (succeeded, reason) = told(&vms, OnSkipped::Stop);
        assert!(!succeeded);
        let expected = "2 of 3 VMs (lablink-vm-test-2, lablink-vm-test-3) did not give everything. \
            What came is";
        assert!(reason.unwrap().starts_with(expected));
        let vms = [vm(1, 0, None), vm(2, 0, Some("it hung"))];
        let (succeeded, reason) = told(&vms, OnSkipped::Stop);
        assert!(!succeeded);
        let expected = "lablink-vm-test-2 gave nothing, and the others have nothing: It hung.";
        assert_eq!(reason.unwrap(), expected);
    }
}
