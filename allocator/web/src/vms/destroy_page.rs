use askama::Template;
use jiff::Timestamp;

use super::list_bar::{ListBar, ListCount};
use crate::states::vm::Holder;

/// `/admin/instances/delete`: shows what a destroy will remove before it does. Also the answer to
/// a `POST /destroy` of a browser that was refused.
#[derive(Template)]
#[template(path = "vms/destroy.html")]
pub struct DestroyPage {
    /// A page of the list.
    pub vms: Vec<DestroyRow>,
    pub list: ListBar,
    /// How many VMs the list has.
    pub count: ListCount,
    /// Whether all of them are chosen, not those that are ticked.
    pub all_shown: bool,
    /// Of the whole pool.
    pub total: i64,
    pub claimed: i64,
    pub in_use: i64,
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
    /// Whether it is ticked. None: it was registered by hand, and can't be.
    pub tick: Option<bool>,
    pub holder: Option<Holder>,
    /// When its results last came home whole.
    pub last: Option<Timestamp>,
}

impl DestroyPage {
    /// No VM of the pool can be destroyed.
    fn is_empty(&self) -> bool {
        let is_all = self.list.is_whole() && !self.list.is_filtered();
        is_all && self.vms.iter().all(|vm| vm.tick.is_none())
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
        DestroyRow { hostname: hostname.to_owned(), tick: Some(ticked), holder, last }
    }

    fn page(vms: Vec<DestroyRow>) -> DestroyPage {
        DestroyPage {
            total: 7,
            count: ListCount::Exactly(7),
            list: ListBar { path: "/admin/instances/delete", ..ListBar::default() },
            all_shown: false,
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
        assert!(!html.contains(r#"name="which""#), "all are listed");
        assert!(html.contains(r#"name="hostname" value="vm-1" checked"#));
        assert!(!html.contains(r#"value="vm-3" checked"#));
        assert!(html.contains("has 7 VMs: 2 claimed, 1 in use right now"));
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
    fn a_long_list_has_pages_and_all_of_it_can_be_chosen() {
        let next = Some("/admin/instances/delete?show=stale&after=0.1".to_owned());
        let mut page = page(vec![row("vm-1", false, None)]);
        page.list = ListBar { show: "stale".to_owned(), next, ..page.list };
        let html = page.render().unwrap();
        assert!(html.contains(r#"name="which" value="ticked" checked"#) && html.contains(">Next<"));
        assert!(
            html.contains(r#"name="which" value="shown">"#)
                && html.contains("on all its pages: 7.")
        );
        for key in [r#"name="show" value="stale""#, r#"name="told" value="7""#] {
            assert!(html.contains(key), "the form says which list it was: {key}");
        }
        page.count = ListCount::MoreThan(100);
        let html = page.render().unwrap();
        assert!(html.contains("pages: more than 100.") && !html.contains(r#"name="told""#));
    }

    #[test]
    fn a_machine_that_was_registered_by_hand_has_no_box() {
        let mut desk = row("desk", false, None);
        desk.tick = None;
        let html = page(vec![desk, row("vm-1", true, None)]).render().unwrap();
        assert!(html.contains("registered by hand") && !html.contains(r#"value="desk""#));
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
