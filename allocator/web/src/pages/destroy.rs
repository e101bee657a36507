use askama::Template;

use super::Activity;

/// `/admin/instances/delete`: shows what a destroy will remove before it does. Also the answer to
/// a `POST /destroy` of a browser that was refused.
#[derive(Template)]
#[template(path = "destroy.html")]
pub struct DestroyPage {
    /// Every VM that LabLink launched; machines registered by hand are not among them.
    pub vms: Vec<DestroyRow>,
    pub error: Option<String>,
}

/// One tick box named `hostname`.
pub struct DestroyRow {
    pub hostname: String,
    /// At first every VM is; a refused post comes back as it was ticked.
    pub ticked: bool,
    pub holder: Option<Holder>,
}

/// Who would lose the VM.
pub struct Holder {
    pub email: String,
    pub activity: Activity,
}

impl DestroyPage {
    fn claimed(&self) -> usize {
        self.vms.iter().filter(|vm| vm.holder.is_some()).count()
    }

    fn in_use(&self) -> usize {
        let active = |holder: &Holder| holder.activity == Activity::InUse;
        self.vms.iter().filter(|vm| vm.holder.as_ref().is_some_and(active)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hostname: &str, ticked: bool, activity: Option<Activity>) -> DestroyRow {
        let email = "<script>@example.org".to_owned();
        let holder = activity.map(|activity| Holder { email, activity });
        DestroyRow { hostname: hostname.to_owned(), ticked, holder }
    }

    #[test]
    fn previews_every_vm_with_who_would_lose_it() {
        let vms = vec![
            row("vm-1", true, None),
            row("vm-2", true, Some(Activity::Idle)),
            row("vm-3", false, Some(Activity::InUse)),
        ];
        let html = DestroyPage { vms, error: None }.render().unwrap();
        assert!(html.contains(r#"name="hostname" value="vm-1" checked"#));
        assert!(!html.contains(r#"value="vm-3" checked"#));
        assert!(html.contains("3 VMs, 2 claimed, 1 in use right now"));
        assert!(html.contains("&#60;script&#62;@example.org"));
        assert!(html.contains(r#"action="/destroy""#));
        assert!(html.contains(r#"name="confirm" value="yes" required"#));
    }

    #[test]
    fn a_refusal_is_told() {
        let error = Some("Tick the box to confirm.".to_owned());
        let html = DestroyPage { vms: vec![row("vm-1", true, None)], error }.render().unwrap();
        assert!(html.contains(r#"role="alert""#) && html.contains("Tick the box to confirm."));
    }

    #[test]
    fn an_empty_pool_has_nothing_to_destroy() {
        let html = DestroyPage { vms: Vec::new(), error: None }.render().unwrap();
        assert!(html.contains("Nothing to destroy") && !html.contains("<form"));
    }
}
