use askama::Template;
use jiff::Timestamp;

use crate::{
    links,
    states::{afterwards::Afterwards, vm::Holder},
};

/// `/admin/vms/{hostname}/{deed}`: names what is lost before one VM is taken, replaced or removed.
#[derive(Template)]
#[template(path = "vms/confirm.html")]
pub struct ConfirmPage {
    pub deed: Deed,
    pub hostname: String,
    /// The participant who would lose the VM.
    pub holder: Option<Holder>,
    /// What a release makes of it.
    pub afterwards: Afterwards,
    /// When its results last came home whole.
    pub last: Option<Timestamp>,
    /// Of the files that are collected.
    pub extension: String,
    pub now: Timestamp,
}

/// What is done to one VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Release,
    Replace,
    Reboot,
    Delete,
    /// Out of the pool; the machine is left alone.
    Forget,
}

impl Deed {
    pub const ALL: [Self; 5] =
        [Self::Release, Self::Replace, Self::Reboot, Self::Delete, Self::Forget];

    /// The last part of the path of its page.
    pub fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Replace => "replace",
            Self::Reboot => "reboot",
            Self::Delete => "delete",
            Self::Forget => "forget",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Release => "Take the VM back",
            Self::Replace => "Replace the VM",
            Self::Reboot => "Reboot the VM",
            Self::Delete => "Delete the VM",
            Self::Forget => "Remove the machine from the pool",
        }
    }

    fn button(self) -> &'static str {
        match self {
            Self::Release => "Take it back",
            Self::Replace => "Replace it",
            Self::Reboot => "Reboot it",
            Self::Delete => "Delete it",
            Self::Forget => "Remove it from the pool",
        }
    }
}

impl ConfirmPage {
    /// Whether its disk is wiped, and with it what was not collected.
    fn wipes(&self) -> bool {
        match self.deed {
            Deed::Replace | Deed::Delete => true,
            Deed::Release => self.afterwards == Afterwards::Replaced,
            Deed::Reboot | Deed::Forget => false,
        }
    }

    fn action(&self) -> String {
        let hostname = &self.hostname;
        match self.deed {
            Deed::Release => links::do_to_vm(hostname, "release"),
            Deed::Replace => links::do_to_vm(hostname, "replace"),
            Deed::Reboot => links::do_to_vm(hostname, "reboot"),
            Deed::Delete => "/destroy".to_owned(),
            Deed::Forget => links::machine_forget(hostname),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::vm::Activity;

    fn page(deed: Deed, afterwards: Afterwards) -> String {
        let email = "<script>@example.org".to_owned();
        let holder = Some(Holder { email, activity: Activity::InUse });
        let page = ConfirmPage {
            deed,
            hostname: "vm-1".to_owned(),
            holder,
            afterwards,
            last: None,
            extension: "slp".to_owned(),
            now: Timestamp::UNIX_EPOCH,
        };
        page.render().unwrap()
    }

    #[test]
    fn every_deed_names_the_vm_and_who_loses_what() {
        for (deed, action) in [
            (Deed::Release, "/api/vms/vm-1/release"),
            (Deed::Replace, "/api/vms/vm-1/replace"),
            (Deed::Reboot, "/api/vms/vm-1/reboot"),
            (Deed::Delete, "/destroy"),
            (Deed::Forget, "/admin/machines/vm-1/forget"),
        ] {
            let html = page(deed, Afterwards::Replaced);
            assert!(
                html.contains(r#"What you lose with <span class="host">vm-1</span>"#),
                "{deed:?}"
            );
            assert!(html.contains(">&#60;script&#62;@example.org<"), "{deed:?}");
            assert!(html.contains(">In use<"), "{deed:?}");
            assert!(html.contains(&format!(r#"method="post" action="{action}""#)), "{deed:?}");
        }
    }

    #[test]
    fn who_wipes_a_disk_reads_when_its_results_were_collected() {
        let html = page(Deed::Delete, Afterwards::Replaced);
        assert!(html.contains(r#"name="collect" value="yes" checked"#));
        assert!(html.contains("never collected") && html.contains("*.slp"));
        for deed in [Deed::Replace, Deed::Release] {
            let html = page(deed, Afterwards::Replaced);
            assert!(
                html.contains("never collected")
                    && html.contains(r#"href="/admin/results?hostnames=vm-1""#)
            );
            assert!(!html.contains(r#"name="collect""#), "{deed:?}");
        }
        for (deed, afterwards) in
            [(Deed::Reboot, Afterwards::Replaced), (Deed::Release, Afterwards::Reused)]
        {
            let html = page(deed, afterwards);
            assert!(!html.contains("never collected"));
        }
    }

    #[test]
    fn a_release_replaces_unless_the_machine_can_not_be_made_anew() {
        let replaced = page(Deed::Release, Afterwards::Replaced);
        assert!(replaced.contains(r#"value="replace" checked"#));
        let reused = page(Deed::Release, Afterwards::Reused);
        assert!(!reused.contains(r#"value="replace""#) && reused.contains("as it is"));
        for (afterwards, words) in
            [(Afterwards::Cleaned, "cleaned first"), (Afterwards::Held, "held for you")]
        {
            let html = page(Deed::Release, afterwards);
            assert!(html.contains(words) && html.contains(r#"value="reuse""#), "{words}");
            assert!(html.contains(r#"value="replace" checked"#), "{words}");
        }
    }
}
