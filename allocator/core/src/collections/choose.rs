use crate::{
    DbError, Scope,
    db::GenericClient,
    pools::Pool,
    vms::{self, SelectError, Selection},
};
use lablink_protocol::Hostname;

/// Why a choice of VMs can't be collected from. The first sentence is the original's.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    #[error("No VMs found in the database.")]
    NoVms,
    #[error(transparent)]
    Selection(SelectError),
    #[error("the VMs could not be read or the operation written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(ChooseError);

impl From<SelectError> for ChooseError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Db(error) => Self::Db(error),
            told => Self::Selection(told),
        }
    }
}

/// The chosen VMs, by number, at least one.
pub async fn choose(scope: &Scope, selection: &Selection) -> Result<Vec<Hostname>, ChooseError> {
    chosen(&scope.client().await?, &scope.pool, selection).await
}

pub(crate) async fn chosen(
    client: &impl GenericClient,
    pool: &Pool,
    selection: &Selection,
) -> Result<Vec<Hostname>, ChooseError> {
    let found = vms::select(client, pool, selection, vms::ANY).await?;
    if found.is_empty() { Err(ChooseError::NoVms) } else { Ok(found) }
}
