use std::path::PathBuf;

use clap::Args;
use lablink_protocol::Hostname;

use super::{Api, EnrolmentToken, credential::Credential, transport::Transport, url::AllocatorUrl};
use crate::state_dir::StateDir;

/// Which allocator, in whose name, with which token.
#[derive(Args)]
pub struct Connection {
    /// Where the allocator is, as in <https://lablink.example.org>
    #[arg(long, env = "ALLOCATOR_URL", value_name = "URL")]
    pub allocator_url: AllocatorUrl,

    /// The name under which the allocator knows this VM
    #[arg(long, env = "VM_NAME", value_name = "NAME")]
    pub hostname: Hostname,

    /// File that holds the enrolment token; read only when the agent has to enrol
    #[arg(long, env = "LABLINK_ENROLMENT_TOKEN_FILE", value_name = "FILE")]
    pub enrolment_token_file: Option<PathBuf>,

    /// Folder for the agent's own token and what it has done; made when missing
    #[arg(
        long,
        env = "LABLINK_AGENT_DIR",
        value_name = "DIR",
        default_value = "/var/lib/lablink-client"
    )]
    pub state_dir: PathBuf,
}

impl Connection {
    /// Opens the state directory, and makes ready for calls; none is made yet.
    pub fn open(self) -> anyhow::Result<(Api, StateDir)> {
        let state = StateDir::open(self.state_dir.clone())?;
        let enrolment = self.enrolment_token()?;
        let credential = Credential::load(self.hostname.clone(), enrolment, state.clone())?;
        let transport = Transport::new(self.allocator_url)?;
        Ok((Api::new(transport, credential, self.hostname), state))
    }

    fn enrolment_token(&self) -> anyhow::Result<EnrolmentToken> {
        let given = std::env::var(EnrolmentToken::VARIABLE).ok().filter(|token| !token.is_empty());
        match (given, &self.enrolment_token_file) {
            (Some(_), Some(_)) => anyhow::bail!(
                "both LABLINK_ENROLMENT_TOKEN and an enrolment token file are given: keep one"
            ),
            (Some(token), None) => Ok(EnrolmentToken::Given(token)),
            (None, Some(file)) => Ok(EnrolmentToken::File(file.clone())),
            (None, None) => Ok(EnrolmentToken::None),
        }
    }
}
