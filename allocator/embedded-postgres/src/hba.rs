use std::{fs, io::Write, path::Path};

use crate::{
    EmbeddedPostgresError, Result, account::Account, settings::Password, superuser::SUPERUSER,
};

/// Writes who may log in, whenever that changed: over the socket only, whose folder is closed to
/// everybody but us, the superuser as such and all others by password if one is set.
pub(super) fn write(cluster: &Path, account: Account, password: Option<&Password>) -> Result<()> {
    let method = match password {
        Some(_) => "scram-sha-256",
        None => "trust",
    };
    let text = format!(
        "# Written by LabLink at each start.\n\
         local all {SUPERUSER} trust\n\
         local all all {method}\n"
    );
    let path = cluster.join("pg_hba.conf");
    if fs::read_to_string(&path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let failed = || EmbeddedPostgresError::io(format!("write {}", path.display()));
    // Replaced as a whole: the server may read it at any moment.
    let mut file = tempfile::NamedTempFile::new_in(cluster).map_err(failed())?;
    file.write_all(text.as_bytes()).map_err(failed())?;
    file.as_file().sync_all().map_err(failed())?;
    account.own(file.path())?;
    file.persist(&path).map_err(|error| failed()(error.error))?;
    Ok(())
}
