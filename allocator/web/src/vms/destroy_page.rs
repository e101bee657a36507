use askama::Template;
use jiff::Timestamp;

use crate::states::vm::Holder;

/// `/admin/instances/delete`: shows what a destroy will remove before it does. Also the answer to
/// a `POST /destroy` of a browser that was refused.
#[derive(Template)]
#[template(path = "vms/destroy.html")]
pub struct DestroyPage {
    /// VMs that LabLink launched, the first hundred or so; machines registered by hand are not
    /// among them.
    pub vms: Vec<DestroyRow>,
    /// With those that are not listed.
    pub total: usize,
    pub claimed: usize,
    pub in_use: usize,
    /// Whether the box that collects the results first is ticked.
    pub collect: bool,
    /// Whether the box is ticked that lets a destroy go on although something was left out of the
    /// results.
    pub accept: bool,
    /// Of the files that are collected.
    pub extension: String,
    pub error: Option<String>,
    pub now: Timestamp,
}

/// One tick box named `hostname`.
pub struct DestroyRow {
    pub hostname: String,
    /// At first every VM is; a refused post comes back as it was ticked.
    pub ticked: bool,
    pub holder: Option<Holder>,
    /// When its results last came home whole.
    pub last: Option<Timestamp>,
}

impl DestroyPage {
    /// VMs that are not listed.
    fn more(&self) -> usize {
        self.total.saturating_sub(self.vms.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::vm::Activity;

    fn row(hostname: &str, ticked: bool, activity: Option<Activity>) -> DestroyRow {
        let email = "<script>@example.org".to_owned();
        let holder = activity.map(|activity| Holder { email, activity });
        let last = ticked.then_some(Timestamp::UNIX_EPOCH);
        DestroyRow { hostname: hostname.to_owned(), ticked, holder, last }
    }

    fn page(vms: Vec<DestroyRow>) -> DestroyPage {
        DestroyPage {
            total: vms.len(),
            vms,
            claimed: 2,
            in_use: 1,
            collect: true,
            accept: false,
            extension: "slp".to_owned(),
            error: None,
            now: Timestamp::from_second(720).unwrap(),
        }
    }

    #[test]
    fn previews_every_vm_with_who_would_lose_it() {
        let vms = vec![
            row("vm-1", true, None),
            row("vm-2", true, Some(Activity::Idle)),
            row("vm-3", false, Some(Activity::InUse)),
        ];
        let html = page(vms).render().unwrap();
        assert!(!html.contains(r#"name="all""#), "all are listed");
        assert!(html.contains(r#"name="hostname" value="vm-1" checked"#));
        assert!(!html.contains(r#"value="vm-3" checked"#));
        assert!(html.contains("3 VMs, 2 claimed, 1 in use right now"));
        assert!(html.contains("&#60;script&#62;@example.org"));
        assert!(html.contains(r#"action="/destroy""#));
        assert!(html.contains(r#"name="confirm" value="yes" required"#));
    }

    #[test]
    fn results_are_collected_first_unless_the_tick_is_taken_away() {
        let mut page = page(vec![row("vm-1", true, None), row("vm-2", false, None)]);
        let html = page.render().unwrap();
        assert!(html.contains(r#"name="collect" value="yes" checked"#) && html.contains("*.slp"));
        assert!(html.contains("12 min ago") && html.contains("never collected"));
        assert!(html.contains(r#"name="skipped" value="accept">"#));
        (page.collect, page.accept) = (false, true);
        let html = page.render().unwrap();
        assert!(html.contains(r#"name="collect" value="yes">"#));
        assert!(html.contains(r#"name="skipped" value="accept" checked>"#));
    }

    #[test]
    fn a_long_list_is_cut_and_all_can_be_ticked() {
        let vms = vec![row("vm-1", true, None)];
        let page = DestroyPage { total: 10_000, claimed: 7, ..page(vms) };
        let html = page.render().unwrap();
        assert!(html.contains("10000 VMs, 7 claimed") && html.contains("9999 more"));
        assert!(html.contains(r#"name="all" value="yes""#));
    }

    #[test]
    fn a_refusal_is_told() {
        let error = Some("Tick the box to confirm.".to_owned());
        let vms = vec![row("vm-1", true, None)];
        let page = DestroyPage { error, ..page(vms) };
        let html = page.render().unwrap();
        assert!(html.contains(r#"id="problem""#) && html.contains("Tick the box to confirm."));
    }

    #[test]
    fn an_empty_pool_has_nothing_to_destroy() {
        let html = page(Vec::new()).render().unwrap();
        assert!(html.contains("Nothing to destroy") && !html.contains("<form"));
    }
}
