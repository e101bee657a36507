use crate::{
    DbError, Scope,
    db::{self, GenericClient},
    pools::Pool,
};
use lablink_protocol::Hostname;

/// Why a choice of VMs can't be collected from. The first sentence is the original's.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    #[error("No VMs found in the database.")]
    NoVms,
    #[error("There is no VM called {0}. Look at the list again: it may be gone already.")]
    NoSuchVm(Hostname),
    #[error("the VMs could not be read or the operation written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(ChooseError);

/// The chosen VMs, by number: these, or all.
pub async fn choose(
    scope: &Scope,
    wanted: Option<&[Hostname]>,
) -> Result<Vec<Hostname>, ChooseError> {
    chosen(&scope.client().await?, &scope.pool, wanted).await
}

pub(crate) async fn chosen(
    client: &impl GenericClient,
    pool: &Pool,
    wanted: Option<&[Hostname]>,
) -> Result<Vec<Hostname>, ChooseError> {
    let names: Option<Vec<&str>> =
        wanted.map(|hostnames| hostnames.iter().map(Hostname::as_str).collect());
    let rows = client
        .query(
            "select hostname from vm
             where pool_id = $1 and removed_at is null
               and ($2::text[] is null or hostname = any($2))
             order by number nulls last, hostname",
            &[&pool.as_i64(), &names],
        )
        .await?;
    let found: Vec<Hostname> =
        rows.iter().map(|row| db::word(row, "hostname")).collect::<Result<_, _>>()?;
    let missing = wanted.unwrap_or_default().iter().find(|hostname| !found.contains(hostname));
    match missing {
        Some(missing) => Err(ChooseError::NoSuchVm(missing.clone())),
        None if found.is_empty() => Err(ChooseError::NoVms),
        None => Ok(found),
    }
}
