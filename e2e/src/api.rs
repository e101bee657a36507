use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{Allocator, Caller, eventually};

/// From the end of Terraform to an agent that waits.
const COME_UP: Duration = Duration::from_secs(180);
/// Terraform may plan and apply for forty machines, and what an allocator that vanished has left
/// running gets four minutes to end.
const OPERATION: Duration = Duration::from_secs(600);

/// What a program gets that claims a VM.
#[derive(Debug)]
pub struct Claimed {
    pub hostname: String,
    pub pin: String,
    /// Path of the claim's page.
    pub page: String,
}

/// The line that a participant copies from Chrome Remote Desktop's page.
pub fn crd_command(code: &str) -> String {
    format!(
        "DISPLAY= /opt/google/chrome-remote-desktop/start-host --code=\"{code}\" \
         --redirect-url=\"https://remotedesktop.google.com/_/oauthredirect\" --name=$(hostname)"
    )
}

impl Allocator {
    /// Claims a VM as a program, for somebody who has none.
    pub async fn claim(&self, email: &str, code: &str) -> Result<Claimed> {
        let wish = json!({ "email": email, "crd_command": crd_command(code) });
        let answer = self.program()?.post_json("/api/request_vm", &wish).await?.expect(201)?;
        Claimed::read(&answer.json()?)
    }

    pub async fn free_count(&self) -> Result<i64> {
        let answer = self.program()?.get("/api/unassigned_vms_count").await?.expect(200)?;
        answer.json()?["count"].as_i64().context("no count")
    }

    /// Agents can be up before the Terraform that made them has ended: waits for that as well.
    pub async fn until_free(&self, count: i64) -> Result<()> {
        let what = format!("{count} free VMs and no operation");
        let look = async || {
            let is_over = |it: &Value| !it["finished_at"].is_null();
            let quiet = self.operations().await?.iter().all(is_over);
            Ok((quiet && self.free_count().await? == count).then_some(()))
        };
        eventually(&what, COME_UP, look).await
    }

    /// Status by hostname, of all VMs that have a row.
    pub async fn statuses(&self) -> Result<BTreeMap<String, String>> {
        let answer = self.organiser()?.get("/api/vm-status").await?;
        // With none at all, the original says so.
        if answer.status == 404 {
            return Ok(BTreeMap::new());
        }
        Ok(serde_json::from_value(answer.expect(200)?.json()?)?)
    }

    /// All VMs, by hostname.
    pub async fn vms(&self) -> Result<BTreeMap<String, Value>> {
        let answer = self.organiser()?.get("/api/vms?limit=1000").await?.expect(200)?.json()?;
        let vms = answer["vms"].as_array().context("no list of VMs")?;
        let named = |vm: &Value| Some((vm["hostname"].as_str()?.to_owned(), vm.clone()));
        Ok(vms.iter().filter_map(named).collect())
    }

    /// Waits until no operation is open.
    pub async fn until_quiet(&self) -> Result<()> {
        eventually("all operations to end", OPERATION, async || {
            let open = self.operations().await?.into_iter().find(|it| it["finished_at"].is_null());
            Ok(open.is_none().then_some(()))
        })
        .await
    }

    /// All operations, the latest first.
    pub async fn operations(&self) -> Result<Vec<Value>> {
        let answer = self.organiser()?.get("/api/operations").await?.expect(200)?;
        answer.json()?["operations"].as_array().cloned().context("no list of operations")
    }

    /// Asks for VMs as a program, without waiting. Answers the operation's id.
    pub async fn launch(&self, count: u32) -> Result<i64> {
        let wish = json!({ "num_vms": count });
        let answer = self.organiser()?.post_json("/api/launch", &wish).await?.expect(202)?;
        answer.json()?["operation_id"].as_i64().context("no operation")
    }

    pub async fn until_ended(&self, operation: i64) -> Result<Value> {
        let what = format!("operation {operation} to end");
        let organiser = self.organiser()?;
        eventually(&what, OPERATION, async || {
            let path = format!("/api/operations/{operation}");
            let operation = organiser.get(&path).await?.expect(200)?.json()?;
            Ok((!operation["finished_at"].is_null()).then_some(operation))
        })
        .await
    }
}

impl Claimed {
    pub fn read(json: &Value) -> Result<Self> {
        let text = |name: &str| Some(json[name].as_str()?.to_owned());
        let url = text("claim_url").context("no claim_url")?;
        let start = url.find("/claims/").context("claim_url is no claim's")?;
        Ok(Self {
            hostname: text("hostname").context("no hostname")?,
            pin: text("pin").context("no pin")?,
            page: url[start..].to_owned(),
        })
    }

    /// Waits until the claim's page, which needs nothing but its link, has this title.
    pub async fn page_says(&self, visitor: &Caller, title: &str) -> Result<String> {
        let what = format!("the claim's page to say '{title}'");
        eventually(&what, COME_UP, async || {
            let page = visitor.get(&self.page).await?.expect(200)?;
            Ok(Some(page.text()).filter(|text| text.contains(title)))
        })
        .await
    }
}
