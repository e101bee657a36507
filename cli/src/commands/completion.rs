use std::io;

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::{Shell, generate};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink completion bash > ~/.local/share/bash-completion/completions/lablink")]
pub struct Completion {
    shell: Shell,
}

impl Completion {
    pub fn run(self, mut of: Command) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut of, "lablink", &mut script);
        io::Write::write_all(&mut io::stdout().lock(), &script)?;
        Ok(())
    }
}
