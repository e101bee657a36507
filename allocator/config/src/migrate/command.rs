//! The command `config migrate`.

use std::{
    fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Migration, migrate};
use crate::Environment;

/// Arguments of the command.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to rewrite.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The deployment's environment, where the file's host name was made from it.
    #[arg(long, env = "ENVIRONMENT", value_name = "NAME")]
    pub environment: Option<Environment>,

    /// Write the file without asking.
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,

    /// Show what would change, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Shows what has to change, asks, and writes. The status is 0 if the file is now, or already was,
/// as it should be; 1 if it is not. Fails only if `out` or `asked` does.
pub fn run(args: &Args, asked: &mut impl BufRead, out: &mut impl Write) -> io::Result<ExitCode> {
    let file = &args.file;
    let yaml = match fs::read_to_string(file) {
        Ok(yaml) => yaml,
        Err(error) => {
            writeln!(out, "{} can't be read: {error}", file.display())?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let migration = match migrate(&yaml, args.environment.as_ref()) {
        Ok(migration) => migration,
        Err(problem) => {
            writeln!(out, "{} can't be rewritten: {problem}", file.display())?;
            return Ok(ExitCode::FAILURE);
        }
    };
    if migration.changes.is_empty() {
        writeln!(out, "{} needs no change.", file.display())?;
    } else {
        show(&migration, file, out)?;
        if args.dry_run || !(args.yes || agreed(asked, out)?) {
            writeln!(out, "Nothing was written.")?;
            return Ok(if args.dry_run { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if let Err(error) = replace(file, &migration.text) {
            writeln!(out, "{} can't be written: {error}", file.display())?;
            return Ok(ExitCode::FAILURE);
        }
        writeln!(out, "{} was written.", file.display())?;
    }
    match migration.left(file) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(problems) => {
            writeln!(out, "It still has to be corrected:\n{problems}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn show(migration: &Migration, file: &Path, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "--- {}\n+++ {0}", file.display())?;
    migration.changes.iter().try_for_each(|change| writeln!(out, "{change}"))?;
    migration.notes.iter().try_for_each(|note| writeln!(out, "\n{note}"))
}

fn agreed(asked: &mut impl BufRead, out: &mut impl Write) -> io::Result<bool> {
    write!(out, "\nWrite it? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    asked.read_line(&mut answer)?;
    writeln!(out)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// All of it or nothing, with the old file's mode.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::set_permissions(&new, fs::metadata(file)?.permissions())?;
    fs::rename(&new, file)
}
