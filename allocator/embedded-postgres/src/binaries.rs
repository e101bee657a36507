use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{EmbeddedPostgresError, Result};

/// One installed Postgres server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binaries {
    bin: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds the server for `cluster`: the one of its version, or the newest for a new cluster.
    pub(super) async fn find(cluster: &Path, version: Option<u32>) -> Result<Self> {
        let mut installed = Vec::new();
        for bin in candidates() {
            if let Some(major) = major_of(&bin).await {
                installed.push(Self { bin, major });
            }
        }
        choose(installed, cluster, version)
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }
}

/// Folders that may hold a server: Debian's, the Postgres project's RPMs', then `PATH`.
fn candidates() -> Vec<PathBuf> {
    let below = |dir: &str, prefix: &'static str| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries
            .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path().join("bin"))
    };
    let path = env::var_os("PATH").unwrap_or_default();
    below("/usr/lib/postgresql", "")
        .chain(below("/usr", "pgsql-"))
        .chain(env::split_paths(&path).filter(|dir| dir.is_absolute()))
        .filter(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .collect()
}

async fn major_of(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().await.ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `postgres --version`: "postgres (Postgres) 15.14 (Debian 15.14-0+deb12u1)", "… 18beta1".
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn choose(installed: Vec<Binaries>, cluster: &Path, version: Option<u32>) -> Result<Binaries> {
    let majors: Vec<String> = installed.iter().map(|binaries| binaries.major.to_string()).collect();
    let fitting = installed.into_iter().filter(|b| version.is_none_or(|wanted| b.major == wanted));
    // The last of equals wins: reversed, the first folder, since PATH may hold mere links.
    match (fitting.rev().max_by_key(|binaries| binaries.major), version) {
        (Some(binaries), _) => Ok(binaries),
        (None, Some(found)) if !majors.is_empty() => Err(EmbeddedPostgresError::OtherVersion {
            cluster: cluster.to_owned(),
            found,
            installed: majors.join(", "),
        }),
        (None, _) => Err(EmbeddedPostgresError::NotInstalled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_of(majors: &[u32], version: Option<u32>) -> Result<u32> {
        let installed = majors.iter().map(|&major| Binaries { bin: PathBuf::new(), major });
        choose(installed.collect(), Path::new("/data/postgres"), version).map(|chosen| chosen.major)
    }

    #[test]
    fn reads_the_major_version() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }

    #[test]
    fn a_new_cluster_gets_the_newest_server() {
        assert_eq!(choose_of(&[15, 17, 16], None).unwrap(), 17);
    }

    #[test]
    fn the_first_folder_wins_among_servers_of_one_version() {
        let installed = ["/usr/lib/postgresql/15/bin", "/usr/local/bin"]
            .map(|bin| Binaries { bin: bin.into(), major: 15 });
        let chosen = choose(installed.to_vec(), Path::new("/data/postgres"), None).unwrap();
        assert_eq!(chosen, installed[0]);
    }

    #[test]
    fn an_old_cluster_keeps_its_version() {
        assert_eq!(choose_of(&[15, 17], Some(15)).unwrap(), 15);
    }

    #[test]
    fn a_cluster_of_another_version_is_refused_naming_both() {
        let message = choose_of(&[15, 17], Some(14)).unwrap_err().to_string();
        assert!(message.contains("PostgreSQL 14") && message.contains("15, 17"), "{message}");
    }

    #[test]
    fn without_any_server_the_package_is_named() {
        for version in [None, Some(15)] {
            let message = choose_of(&[], version).unwrap_err().to_string();
            assert!(message.contains("apt-get install postgresql"), "{message}");
        }
    }
}
