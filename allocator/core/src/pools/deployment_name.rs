use super::Pool;
use crate::{Db, DbError};

/// Why a deployment can't be called so.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentNameError {
    #[error(
        "deployment_name {}, but this deployment was made {}, and all that it has made is called \
         after that: put the earlier one back. A deployment of another name needs a database and a \
         data directory of its own",
        match .wanted { Some(name) => format!("is '{name}'"), None => "is not set".to_owned() },
        match .made { Some(name) => format!("as '{name}'"), None => "without one".to_owned() },
    )]
    Fixed { wanted: Option<String>, made: Option<String> },
    #[error("the deployment's name could not be looked up")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(DeploymentNameError);

impl Pool {
    /// Keeps what the deployment is called. Once it has had a machine, that can't be set, changed or
    /// removed.
    pub async fn keep_deployment_name(
        &self,
        db: &Db,
        wanted: Option<&str>,
    ) -> Result<(), DeploymentNameError> {
        let client = db.client().await?;
        let sql = "update pool set deployment_name = $2
                   where id = $1 and (deployment_name is not distinct from $2
                                      or not exists (select from vm where pool_id = $1))";
        if client.execute(sql, &[&self.as_i64(), &wanted]).await? > 0 {
            return Ok(());
        }
        let sql = "select deployment_name from pool where id = $1";
        let made = client.query_one(sql, &[&self.as_i64()]).await?.try_get("deployment_name")?;
        Err(DeploymentNameError::Fixed { wanted: wanted.map(str::to_owned), made })
    }
}
