use std::{io, path::PathBuf};

use crate::cli::ServeArgs;

/// Where the agent's program is: as the command line says, or beside the allocator's. Perhaps there
/// is none.
pub fn agent_program(args: &ServeArgs) -> io::Result<PathBuf> {
    match &args.agent_program {
        Some(path) => std::path::absolute(path),
        None => Ok(std::env::current_exe()?.with_file_name("lablink-client")),
    }
}
