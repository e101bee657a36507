use std::io::{BufRead, Write};

use anyhow::{Context, Result, ensure};

/// As the contract's bcrypt hashes: a login takes about a quarter of a second to check, once.
const COST: u32 = 12;

/// Hashes the first line of standard input.
pub fn hash_password() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("no password on standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "type the password, or pipe it in: it was empty");
    ensure!(password.len() <= 72, "bcrypt takes at most 72 bytes: choose a shorter password");
    writeln!(std::io::stdout(), "{}", bcrypt::hash(password, COST)?)?;
    Ok(())
}
