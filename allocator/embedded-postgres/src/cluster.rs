use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use crate::{
    EmbeddedPostgresError, Result, account::Account, binaries::Binaries, layout::Layout,
    superuser::SUPERUSER,
};

/// Clusters in the making carry this prefix and become `postgres` in one step, when complete.
const UNFINISHED: &str = "postgres.init-";

/// The binaries for the cluster of `layout`, which is made when there is none.
pub(super) async fn prepare(layout: &Layout, account: Account) -> Result<Binaries> {
    account.check_reach(layout.data_dir())?;
    sweep(layout.data_dir());
    let cluster = layout.cluster();
    let version = version(&cluster)?;
    let binaries = Binaries::find(&cluster, version).await?;
    match version {
        None => init(layout, account, &binaries).await?,
        Some(_) => take_over(&cluster, account)?,
    }
    Ok(binaries)
}

/// The major version that made the cluster; `None` without a cluster.
fn version(cluster: &Path) -> Result<Option<u32>> {
    let file = cluster.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => {
            let version = text.trim().parse().ok();
            version.map(Some).ok_or(EmbeddedPostgresError::NotACluster(cluster.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // An empty folder is fine: someone prepared it for us.
            match fs::read_dir(cluster).is_ok_and(|mut entries| entries.next().is_some()) {
                true => Err(EmbeddedPostgresError::NotACluster(cluster.to_owned())),
                false => Ok(None),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(foreign(cluster)),
        Err(error) => Err(EmbeddedPostgresError::io(format!("read {}", file.display()))(error)),
    }
}

fn foreign(cluster: &Path) -> EmbeddedPostgresError {
    let owner = fs::symlink_metadata(cluster).map_or(0, |meta| meta.uid());
    EmbeddedPostgresError::ForeignDir { dir: cluster.to_owned(), owner }
}

/// The id of user `postgres` differs between images that share one volume, and the server
/// refuses files of another user.
fn take_over(cluster: &Path, account: Account) -> Result<()> {
    let meta = fs::symlink_metadata(cluster)
        .map_err(EmbeddedPostgresError::io(format!("look at {}", cluster.display())))?;
    match account.is_owner(meta.uid()) {
        true => Ok(()),
        false => account.own_tree(cluster),
    }
}

/// Removes what a killed initdb left behind. One that still runs, its allocator dead, may get in
/// the way: then it fails by that, and the next start removes the rest.
fn sweep(data_dir: &Path) {
    for entry in fs::read_dir(data_dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(dir = %entry.path().display(), %error, "cannot remove a half-made cluster yet");
        }
    }
}

async fn init(layout: &Layout, account: Account, binaries: &Binaries) -> Result<()> {
    let failed = || EmbeddedPostgresError::io(format!("make {}", layout.cluster().display()));
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(layout.data_dir())
        .map_err(failed())?;
    account.own(unfinished.path())?;
    // Bytewise order: an upgrade of the C library can't change it and corrupt indexes.
    let output = account
        .command(&binaries.initdb())
        .args(["--encoding=UTF8", "--locale=C", "--lc-ctype=C.UTF-8", "--data-checksums"])
        .args(["--auth-local=trust", "--auth-host=reject"])
        .args(["--username", SUPERUSER, "--pgdata"])
        .arg(unfinished.path())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(EmbeddedPostgresError::io("run initdb"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(EmbeddedPostgresError::InitDb {
            status: output.status,
            output: String::from_utf8_lossy(&text).trim().to_owned(),
        });
    }
    fs::rename(unfinished.path(), layout.cluster()).map_err(failed())?;
    let _ = unfinished.keep();
    fs::File::open(layout.data_dir()).and_then(|dir| dir.sync_all()).map_err(failed())
}
