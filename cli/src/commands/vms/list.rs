use anyhow::Result;
use clap::Args;
use lablink_protocol::organisers::{VmBody, VmList};

use crate::{
    output::{Output, table},
    server::{Server, asking},
};

#[derive(Debug, Args)]
pub struct List {
    /// Only those in a state (free, claimed, starting, failed, unhealthy, overdue, suspect, …), or all
    /// in an order (number, name, newest, state, `last_seen`, participant).
    #[arg(long, value_name = "WORD", conflicts_with = "find")]
    show: Option<String>,
    /// Only those whose name, or whose participant's e-mail, begins like this; or the one with this
    /// number.
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
    /// How many, from 1 to 1000.
    #[arg(long, default_value_t = 100)]
    limit: u16,
    /// The page that begins here: what the page before has as `next`.
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

impl List {
    pub async fn run(self, server: &Server, output: &Output) -> Result<()> {
        let limit = self.limit.to_string();
        let path = asking(
            "/api/vms",
            &[
                ("show", self.show.as_deref()),
                ("q", self.find.as_deref()),
                ("limit", Some(&limit)),
                ("after", self.after.as_deref()),
            ],
        );
        let list: VmList = server.get(&path).await?;
        output.answer(&list, |list| match list.vms.as_slice() {
            [] => "No VMs.".to_owned(),
            vms => table(
                ["VM", "STATUS", "GPU", "PARTICIPANT", "ADDRESS", "NOTE"],
                vms.iter().map(row),
            ),
        })?;
        if let Some(next) = &list.next {
            output.note(&format!("There are more: --after {next}"));
        }
        Ok(())
    }
}

fn row(vm: &VmBody) -> [String; 6] {
    let address = vm.instance.as_ref().and_then(|it| it.public_address.or(it.private_address));
    let notes = [
        (vm.removing, "being removed"),
        (vm.overdue_at.is_some(), "overdue"),
        (vm.suspect_at.is_some(), "silent"),
        (vm.barred_since.is_some(), "barred"),
        (vm.used_since.is_some(), "used"),
        (vm.in_use, "in use"),
    ];
    let notes = notes.iter().filter(|(is_so, _)| *is_so).map(|(_, note)| *note);
    let reason = vm.reason.as_deref().or(vm.gpu_reason.as_deref());
    [
        vm.hostname.to_string(),
        vm.status.as_str().to_owned(),
        vm.gpu.clone().unwrap_or_default(),
        vm.claim.as_ref().map(|claim| claim.email.clone()).unwrap_or_default(),
        address.map(|address| address.to_string()).unwrap_or_default(),
        notes.chain(reason).collect::<Vec<_>>().join(", "),
    ]
}
