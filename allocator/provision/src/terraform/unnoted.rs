//! Machines that a run of Terraform has made and not noted in its state, because both were killed in
//! between.
//!
//! Such a machine comes back into the state by itself if it is certain that it is ours: it stands in
//! the VM's folder on this machine, `vm.sh` has made it with the enrolment token that the operation
//! issued for this VM, and no true state has been seen since that operation began to make it.

use lablink_core::state::{self, Fault};

use super::{
    LocalVms, Provider, Provisioner, ProvisionerParts, Workspace,
    look::Look,
    state::{Pieces, listed, mend},
    work_error::WorkError,
};
use lablink_protocol::Hostname;

impl Provisioner {
    /// Puts the machines that the state lacks into it, if all of them are certainly ours. Otherwise
    /// changes nothing. Returns whether the state has changed.
    pub(super) async fn note_made(
        &self,
        workspace: &Workspace,
        look: &Look,
    ) -> Result<bool, WorkError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        let local = match &workspace.provider {
            Provider::Local(local) => local,
            Provider::Aws(_) => return self.adopt(workspace, look).await,
        };
        let Some(lacking) = only_lacking(look) else { return Ok(false) };
        let tokens = lacking.iter().filter_map(|it| Some((it.clone(), local.token_hash(it)?)));
        let ours = state::being_made_with(scope, &tokens.collect::<Vec<_>>()).await?;
        if lacking.iter().any(|it| !ours.contains(it)) {
            return Ok(false);
        }
        // A copy could only hold an earlier machine of the same name.
        let pieces = Pieces {
            found: &look.raw,
            copy: None,
            seen: look.seen.as_ref(),
            provider: &workspace.provider,
        };
        let mended = mend(&pieces, &look.existing, &[])?;
        if !mended.lost.is_empty() {
            return Ok(false);
        }
        tracing::warn!(
            vms = listed(lacking),
            "a run was cut off before Terraform noted these machines: noting them now"
        );
        workspace.replace_state(&mended.state, look.state.version.as_ref()).await?;
        Ok(true)
    }
}

/// The VMs that the state lacks, if nothing else is wrong with it.
fn only_lacking(look: &Look) -> Option<&[Hostname]> {
    let doubt = look.doubt.as_ref()?;
    let is_first = doubt.found.is_none() && doubt.seen.is_none();
    match doubt.fault {
        Fault::Incomplete => Some(&doubt.lacking),
        // The very first run was cut off before it wrote a state.
        Fault::Empty if is_first => Some(&doubt.lacking),
        Fault::Empty | Fault::Unreadable | Fault::OtherHistory | Fault::Older => None,
    }
}

impl LocalVms {
    /// The SHA-256, in hexadecimal, of the enrolment token that the VM's machine was made with. None:
    /// there is no such machine, or it was made by a version that did not note this.
    fn token_hash(&self, hostname: &Hostname) -> Option<String> {
        let folder = self.directory.join(hostname.as_str());
        let noted = std::fs::read_to_string(folder.join("enrolment")).ok()?;
        Some(noted.trim().to_owned()).filter(|it| !it.is_empty() && self.is_made(hostname))
    }
}
