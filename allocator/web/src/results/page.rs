use askama::Template;
use jiff::Timestamp;

use crate::{
    operations::summary::OperationSummary,
    pages::Tone,
    states::archive::ArchiveCard,
    vms::list_bar::{ListBar, ListCount},
};

/// `/admin/results`: participants' results, collected and to be collected. It changes
/// by itself.
#[derive(Template)]
#[template(path = "results/results.html")]
pub struct ResultsPage {
    /// What was typed, or the configured one.
    pub extension: String,
    /// Those that are ticked, and a page of the list.
    pub vms: Vec<ResultsVm>,
    pub list: ListBar,
    /// How many VMs the list has.
    pub count: ListCount,
    /// Of the whole pool.
    pub total: i64,
    /// The newest first.
    pub collections: Vec<CollectionCard>,
    /// URL of the page with older ones.
    pub next: Option<String>,
    pub error: Option<String>,
    pub now: Timestamp,
}

/// One tick box named `hostnames`.
pub struct ResultsVm {
    pub hostname: String,
    pub ticked: bool,
    /// Whose results they are.
    pub holder: Option<String>,
    /// When its results last came home whole.
    pub last: Option<Timestamp>,
}

/// One collection.
pub struct CollectionCard {
    pub operation: OperationSummary,
    /// Why it failed or stopped.
    pub reason: Option<String>,
    pub extension: String,
    pub archive: ArchiveCard,
    /// VMs of which not everything came.
    pub failed: usize,
    /// What was left out though it may be results.
    pub skipped: i64,
    pub files: i64,
    pub bytes: i64,
    /// The first ones, those that failed before the others.
    pub vms: Vec<VmOutcome>,
    /// VMs that are not listed.
    pub more: usize,
}

/// What came of one VM.
pub struct VmOutcome {
    pub hostname: String,
    pub files: i64,
    pub bytes: i64,
    /// Files that could not be read.
    pub unread: i64,
    /// What was left out though it may be results, in words.
    pub skipped: Option<String>,
    pub seconds: f64,
    pub failure: Option<String>,
}

impl ResultsPage {
    /// Whether the list is in sight: somebody ticks, looks for or leafs through VMs.
    fn is_choosing(&self) -> bool {
        let is_moved = !(self.list.after.is_empty() && self.list.until.is_empty());
        let is_ticked = self.vms.iter().any(|vm| vm.ticked);
        is_ticked || self.list.is_filtered() || is_moved
    }

    /// For screen readers: what has become of the newest collection.
    fn tells(&self) -> String {
        self.collections.first().map_or_else(String::new, |newest| {
            format!("{}: {}.", newest.operation.title, newest.operation.label())
        })
    }

    fn moves(&self) -> bool {
        self.collections.iter().any(|it| it.operation.moves())
    }
}

impl VmOutcome {
    fn label(&self) -> &'static str {
        match &self.failure {
            Some(_) if self.files > 0 => "Partial",
            Some(_) => "Failed",
            None if self.unread > 0 => "Not all readable",
            None if self.skipped.is_some() => "Something left out",
            None if self.files == 0 => "No files",
            None => "Whole",
        }
    }

    fn tone(&self) -> Tone {
        match &self.failure {
            Some(_) => Tone::Bad,
            None if self.unread > 0 || self.skipped.is_some() => Tone::Warn,
            None if self.files == 0 => Tone::Quiet,
            None => Tone::Good,
        }
    }

    fn seconds(&self) -> String {
        format!("{:.1} s", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use lablink_core::operations::OperationState;

    use super::*;

    fn outcome(hostname: &str, failure: Option<&str>) -> VmOutcome {
        VmOutcome {
            hostname: hostname.to_owned(),
            files: 3,
            bytes: 2_500_000,
            unread: 0,
            skipped: None,
            seconds: 1.25,
            failure: failure.map(str::to_owned),
        }
    }

    fn card(state: OperationState, archive: ArchiveCard) -> CollectionCard {
        CollectionCard {
            operation: OperationSummary::sample(state),
            reason: None,
            extension: "slp".to_owned(),
            archive,
            failed: 1,
            skipped: 0,
            files: 6,
            bytes: 5_000_000,
            vms: vec![
                outcome("vm-1", Some("<script>no answer")),
                VmOutcome { files: 0, ..outcome("vm-3", Some("switched off")) },
                outcome("vm-2", None),
            ],
            more: 0,
        }
    }

    fn page(collections: Vec<CollectionCard>) -> ResultsPage {
        let vm = |hostname: &str, last| ResultsVm {
            hostname: hostname.to_owned(),
            ticked: false,
            holder: Some("<b>@example.org".to_owned()),
            last,
        };
        ResultsPage {
            extension: "slp".to_owned(),
            vms: vec![vm("vm-1", None), vm("vm-2", Some(Timestamp::UNIX_EPOCH))],
            list: ListBar { path: "/admin/results", ..ListBar::default() },
            count: ListCount::Exactly(2),
            total: 2,
            collections,
            next: None,
            error: None,
            now: Timestamp::from_second(720).unwrap(),
        }
    }

    #[test]
    fn the_form_takes_all_vms_or_ticks_and_tells_the_last_time() {
        let html = page(Vec::new()).render().unwrap();
        assert!(html.contains(r#"action="/api/collections""#) && html.contains(r#"value="slp""#));
        assert!(html.contains(r#"name="hostnames" value="vm-1">"#));
        assert!(html.contains("never collected") && html.contains("12 min ago"));
        assert!(html.contains("Nothing collected yet") && !html.contains("<b>@example"));
        let mut refused = page(Vec::new());
        refused.error = Some("extension: wrong.".to_owned());
        refused.vms[1].ticked = true;
        let html = refused.render().unwrap();
        assert!(html.contains(r#"id="problem""#) && html.contains(r#"value="vm-2" checked"#));
        assert!(html.contains("<details open"), "what was ticked is in sight");
    }

    #[test]
    fn an_archive_is_offered_with_what_is_missing_from_it() {
        let here = ArchiveCard::Here { bytes: 5_100_000, first_downloaded: None };
        let html = page(vec![card(OperationState::Failed, here)]).render().unwrap();
        for key in [
            r#"href="/api/collections/7/download""#,
            "5.1 MB",
            "nobody has downloaded it",
            "6 files",
            "Collect again from 1 VM",
            r#"action="/api/operations/7/retry""#,
            r#"action="/api/collections/7/discard""#,
            "&#60;script&#62;no answer",
            "Partial",
            "Failed",
        ] {
            assert!(html.contains(key), "{key}");
        }
        assert!(!html.contains(r#"http-equiv="refresh""#), "nothing moves");
    }

    #[test]
    fn what_was_left_out_and_may_be_meant_is_shown() {
        let mut card = card(OperationState::Succeeded, ArchiveCard::Nothing);
        (card.failed, card.skipped) = (0, 1);
        card.vms = vec![outcome("vm-1", None)];
        card.vms[0].skipped = Some("<b>results (a link to the folder /disk)".to_owned());
        let html = page(vec![card]).render().unwrap();
        for key in ["Something left out", "1 left out", "Left out: &#60;b&#62;results (a link"] {
            assert!(html.contains(key), "{key}");
        }
    }

    #[test]
    fn what_can_not_be_downloaded_says_why() {
        let elsewhere = ArchiveCard::Elsewhere { bytes: 1, kept_by: "alloc-2".to_owned() };
        let removed = ArchiveCard::Removed { at: Timestamp::UNIX_EPOCH };
        let running = card(OperationState::Running, ArchiveCard::Nothing);
        let cards = vec![
            card(OperationState::Succeeded, elsewhere),
            card(OperationState::Succeeded, removed),
            running,
        ];
        let html = page(cards).render().unwrap();
        assert!(html.contains("alloc-2") && html.contains("Removed"));
        assert!(!html.contains("/download\"") && !html.contains("/discard\""));
        assert!(html.contains(r#"http-equiv="refresh""#), "one still runs");
    }
}
