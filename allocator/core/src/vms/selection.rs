use std::collections::HashSet;

use tokio_postgres::types::ToSql;

use super::View;
use crate::{
    DbError,
    db::{self, GenericClient},
    pools::Pool,
};
use lablink_protocol::Hostname;

/// Which VMs an organiser wants something to be done with.
#[derive(Clone, Debug)]
pub enum Selection {
    All,
    These(Vec<Hostname>),
    /// All that a list shows by the time of the request.
    Shown {
        view: View,
        /// How many its reader was told of. If there are more by now, nothing is done. None: no
        /// number was told.
        at_most: Option<i64>,
    },
}

/// Why a selection can't be acted on.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    #[error("There is no VM called {0}. Look at the list again: it may be gone already.")]
    NoSuchVm(Hostname),
    #[error(
        "{now} VMs match by now, and the page told of {told}. Look at the list again before you \
         choose all of them."
    )]
    MoreThanTold { told: i64, now: usize },
    #[error("the VMs could not be read")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(SelectError);

/// VMs that LabLink made: what it can remove.
pub(super) const MADE: &str = "source not in ('manual', 'unknown')";

/// Any VM.
pub(crate) const ANY: &str = "true";

/// The selected VMs, by number. `among` is [`MADE`] or [`ANY`].
pub(crate) async fn select(
    client: &impl GenericClient,
    pool: &Pool,
    selection: &Selection,
    among: &'static str,
) -> Result<Vec<Hostname>, SelectError> {
    let names: Option<Vec<&str>> = match selection {
        Selection::All | Selection::Shown { .. } => None,
        Selection::These(hostnames) => Some(hostnames.iter().map(Hostname::as_str).collect()),
    };
    let (condition, arguments) = match selection {
        Selection::All => ("true", Vec::new()),
        Selection::These(_) => ("vm.hostname = any($2)", Vec::new()),
        Selection::Shown { view, .. } => view.chosen(),
    };
    let sql = format!(
        "select hostname from vm
         where vm.pool_id = $1 and vm.removed_at is null and {among} and {condition}
         order by number nulls last, hostname"
    );
    let pool = pool.as_i64();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&pool];
    parameters.extend(names.iter().map(|names| names as &(dyn ToSql + Sync)));
    parameters.extend(arguments.iter().map(|argument| argument as &(dyn ToSql + Sync)));
    let rows = client.query(&sql, &parameters).await?;
    let found: Vec<Hostname> =
        rows.iter().map(|row| db::word(row, "hostname")).collect::<Result<_, _>>()?;
    match selection {
        Selection::These(wanted) => {
            let there: HashSet<&Hostname> = found.iter().collect();
            match wanted.iter().find(|hostname| !there.contains(hostname)) {
                Some(missing) => Err(SelectError::NoSuchVm(missing.clone())),
                None => Ok(found),
            }
        }
        Selection::Shown { at_most: Some(told), .. }
            if i64::try_from(found.len()).is_ok_and(|now| now > *told) =>
        {
            Err(SelectError::MoreThanTold { told: *told, now: found.len() })
        }
        Selection::All | Selection::Shown { .. } => Ok(found),
    }
}
