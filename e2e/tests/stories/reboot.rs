//! The organiser reboots a VM.

use std::time::Duration;

use anyhow::Result;
use lablink_e2e::{Deployment, eventually};

#[tokio::test]
async fn a_rebooted_vm_keeps_its_participant_and_its_command_is_not_run_again() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("ned@example.org", "4/ned").await?;
    let machine = deployment.machine(&claimed.hostname);
    let connected = machine.has_connected("4/ned", &claimed.pin).await?;
    claimed.page_says(&allocator.program()?, "Your machine is ready").await?;
    let before = machine.agent()?.pid;

    let reboot = format!("/api/vms/{}/reboot", claimed.hostname);
    allocator.organiser()?.post_form(&reboot, &[]).await?.expect(200)?;
    assert_ne!(machine.agent()?.pid, before);
    // The other one is claimed only after the rebooted one is back, and asks with what it has seen.
    let page = format!("/admin/vms/{}", claimed.hostname);
    let browser = allocator.organisers_browser()?;
    eventually("the history to tell of the reboot", Duration::from_secs(30), async || {
        Ok(browser.get(&page).await?.expect(200)?.text().contains("was rebooted").then_some(()))
    })
    .await?;
    claimed.page_says(&allocator.program()?, "Your machine is ready").await?;
    assert_eq!(machine.has_connected("4/ned", &claimed.pin).await?, connected);
    // Terraform's time is a part of how the VM came up.
    assert!(browser.get(&page).await?.expect(200)?.text().contains("Terraform"));

    let unknown = allocator.organiser()?.post_form("/api/vms/no-such/reboot", &[]).await?;
    unknown.expect(404)?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}
