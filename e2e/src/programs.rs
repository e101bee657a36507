use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A built program. Test executables lie in `deps`, beside which cargo puts the programs.
pub fn built(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(2).context("the test lies outside a target directory")?;
    let program = target.join(name);
    ensure!(
        program.is_file(),
        "{} is missing: run cargo build -p lablink-allocator -p lablink-client",
        program.display()
    );
    Ok(program)
}

/// The stand-in for Chrome Remote Desktop's program.
pub fn start_host() -> PathBuf {
    terraform_modules().join("local/start-host")
}

/// The folder of the Terraform modules in the repository.
pub fn terraform_modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("terraform")
}
