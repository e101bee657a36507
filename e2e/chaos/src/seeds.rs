//! Runs that found something once, and must not again.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;

use crate::plan::Profile;

/// One line: `SEED SECONDS ALLOCATORS VMS PROFILE WHEN  what it found`.
#[derive(Debug, PartialEq, Eq)]
pub struct Seed {
    pub seed: u64,
    pub seconds: u64,
    pub allocators: usize,
    pub vms: usize,
    pub profile: Profile,
    pub when: When,
    pub found: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// With every `make test`.
    Test,
    /// With `make chaos-seeds`.
    Seeds,
}

pub fn read(file: &Path) -> Result<Vec<Seed>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("no seeds in {}", file.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| parse(line).with_context(|| format!("cannot read the seed '{line}'")))
        .collect()
}

fn parse(line: &str) -> Result<Seed> {
    let words: Vec<&str> = line.split_whitespace().collect();
    ensure!(words.len() > 6, "write: SEED SECONDS ALLOCATORS VMS PROFILE WHEN what it found");
    let when = match words[5] {
        "test" => When::Test,
        "seeds" => When::Seeds,
        other => anyhow::bail!("'{other}' is neither test nor seeds"),
    };
    Ok(Seed {
        seed: words[0].parse()?,
        seconds: words[1].parse()?,
        allocators: words[2].parse()?,
        vms: words[3].parse()?,
        profile: Profile::from_str(words[4], true).map_err(anyhow::Error::msg)?,
        when,
        found: words[6..].join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_seeds_can_be_read_and_one_runs_with_every_test() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        let seeds = read(&file).unwrap();
        assert!(seeds.iter().any(|seed| seed.when == When::Test));
    }

    #[test]
    fn a_line_that_lacks_something_is_refused() {
        assert!(parse("1 20 2 4 mild test a lost line").is_ok());
        assert!(parse("1 20 2 4 mild test").is_err());
        assert!(parse("1 20 2 4 mild sometimes a lost line").is_err());
    }
}
