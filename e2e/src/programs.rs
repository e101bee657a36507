use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A built program. Test executables lie in `deps`, beside which cargo puts the programs;
/// `LABLINK_PROGRAMS` names another folder, such as one with those of an earlier version.
pub fn built(name: &str) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("LABLINK_PROGRAMS") {
        return Ok(PathBuf::from(folder).join(name));
    }
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(2).context("the test lies outside a target directory")?;
    let program = target.join(name);
    ensure!(
        program.is_file(),
        "{} is missing: run cargo build --workspace --bins",
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
