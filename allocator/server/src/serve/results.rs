use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use lablink_config::Config;
use lablink_core::Scope;
use lablink_provision::{
    collect::{CollectorParts, Limits, ZipCollector},
    ssh::Machines,
};

use super::places::Places;

/// How long a VM's SSH server may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// The collector of results, from machines that are reached so.
pub fn collector(
    config: &Config,
    places: &Places,
    scope: &Scope,
    machines: Machines,
) -> Result<Arc<ZipCollector>> {
    let directory = places.private("collections")?;
    let collect = &config.collect;
    let limits = Limits {
        at_once: usize::try_from(collect.at_once.get())?,
        connect: CONNECT,
        stall: collect.stall(),
        per_vm: collect.longest_per_vm(),
        bytes_per_vm: collect.most_per_vm(),
        slowest: collect.slowest(),
        reserve: collect.reserve(),
    };
    let owner = owner(&directory, places).context("cannot keep archives")?;
    let retention = collect.retention();
    let parts =
        CollectorParts { scope: scope.clone(), machines, limits, directory, retention, owner };
    Ok(Arc::new(ZipCollector::new(parts).context("cannot keep archives")?))
}

/// The name under which this data directory keeps archives. It stays what it was at first, since
/// machines, and containers even more so, change their names.
fn owner(directory: &Path, places: &Places) -> Result<String> {
    let file = directory.join("owner");
    if let Ok(name) = fs::read_to_string(&file)
        && !name.trim().is_empty()
    {
        return Ok(name.trim().to_owned());
    }
    let machine = fs::read_to_string("/proc/sys/kernel/hostname")?;
    let name = format!("{} ({})", machine.trim(), places.data_dir.display());
    let new = file.with_extension("new");
    fs::write(&new, &name)?;
    fs::rename(new, file)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stays_with_the_data() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { data_dir: "/var/lib/lablink".into() };
        let name = owner(folder.path(), &places).unwrap();
        assert!(name.ends_with(" (/var/lib/lablink)"), "{name}");
        let moved = Places { data_dir: "/elsewhere".into() };
        assert_eq!(owner(folder.path(), &moved).unwrap(), name);
    }
}
