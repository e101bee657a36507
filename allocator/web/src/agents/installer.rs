//! The one line that installs the agent on a machine.

use axum::http::StatusCode;
use lablink_core::Token;
use lablink_protocol::Hostname;

use super::install::{checked_origin, script_from};
use crate::{
    AppState,
    http::{Client, Problem},
    links,
    sha256_sum::Sha256Sum,
    state::AgentProgram,
};

/// What a command is made of. It carries the sums of all that it fetches, so that nobody between
/// us and the machine, and nobody who later changes what we serve, decides what root runs there.
pub struct Installer {
    origin: String,
    script: Sha256Sum,
    /// One for each kind of machine.
    programs: Vec<Sha256Sum>,
}

impl Installer {
    /// Before anything is written: without our address and a program there is no command to give.
    pub async fn prepare(state: &AppState, client: &Client) -> Result<Self, Problem> {
        let origin = checked_origin(state, client)?;
        let script = Sha256Sum::of(script_from(state, &origin).as_bytes());
        let programs = match state.settings.agent.program.clone() {
            Some(AgentProgram::Elsewhere { sums, .. }) => sums,
            Some(AgentProgram::Here(path)) => {
                let summed = move || std::fs::File::open(path).and_then(Sha256Sum::of);
                let summed = tokio::task::spawn_blocking(summed).await;
                let summed = summed.map_err(|ended| Problem::internal(&ended))?;
                vec![summed.map_err(|_unreadable| no_program())?]
            }
            None => return Err(no_program()),
        };
        Ok(Self { origin, script: script.map_err(|error| Problem::internal(&error))?, programs })
    }

    /// The token goes on standard input, where no list of processes shows it: printf is a part of
    /// every shell. A command substitution takes the last line end away, and printf gives it back.
    pub fn command(&self, token: &Token, hostname: &Hostname) -> String {
        let Self { origin, script, programs } = self;
        let programs: Vec<String> = programs.iter().map(Sha256Sum::to_string).collect();
        let (token, programs) = (token.reveal(), programs.join(","));
        let url = links::install_script(origin);
        format!(
            "printf %s {token} | sh -c 's=$(curl -fsSL {url}); \
             [ \"$(printf \"%s\\n\" \"$s\" | sha256sum | cut -c1-64)\" = {script} ] || \
             {{ echo \"lablink: this is not the script that the command was made for, so nothing \
             was run. Make a new install command.\" >&2; exit 1; }}; \
             sudo sh -c \"$s\" lablink {programs} \"$@\"' lablink {hostname}"
        )
    }
}

fn no_program() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "no_agent_program",
        "This allocator has no agent program to give to a machine: the operator must set \
         --agent-program, or --agent-url.",
    )
}
