use anyhow::Result;
use clap::Args;
use lablink_protocol::organisers::RegisteredBody;
use serde_json::json;

use crate::{output::Output, server::Server};

#[derive(Debug, Args)]
#[command(after_help = "\
The command that is printed works once, and holds a secret until then.

Example:
  lablink vms register desk-7")]
pub struct Register {
    /// Its name; made up without one.
    hostname: Option<String>,
}

impl Register {
    pub async fn run(self, server: &Server, output: &Output) -> Result<()> {
        let wish = match self.hostname {
            Some(hostname) => json!({ "hostname": hostname }),
            None => json!({}),
        };
        let registered: RegisteredBody = server.post("/api/vms", &wish).await?;
        output.answer(&registered, |it| {
            let (name, until) = (&it.hostname, it.expires_at);
            format!(
                "{name} is registered. Run this there, as root, until {until}:\n\n{}",
                it.install_command
            )
        })
    }
}
