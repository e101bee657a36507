use std::io::{BufRead, Write};

use anyhow::{Context, Result, anyhow};
use lablink_config::AdminPassword;
use lablink_core::passwords::fits_new;

/// The cost of the contract's bcrypt hashes: the first check of a login takes about 250 ms.
const COST: u32 = 12;

/// Hashes the first line of standard input, if it is good enough for a new password.
pub fn hash_password() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("no password on standard input")?;
    let typed = line.trim_end_matches(['\r', '\n']);
    let password = AdminPassword::parse(typed).map_err(|fault| anyhow!("the password: {fault}"))?;
    fits_new(typed).map_err(|fault| anyhow!("the password: {fault}"))?;
    writeln!(std::io::stdout(), "{}", bcrypt::hash(password.expose(), COST)?)?;
    Ok(())
}
