use std::io;

use anyhow::Result;
use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::command_line::CommandLine;

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink completion bash > ~/.local/share/bash-completion/completions/lablink")]
pub struct Completion {
    shell: Shell,
}

impl Completion {
    pub fn run(self) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut CommandLine::command(), "lablink", &mut script);
        io::Write::write_all(&mut io::stdout().lock(), &script)?;
        Ok(())
    }
}
