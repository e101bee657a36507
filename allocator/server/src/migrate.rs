use anyhow::Result;

use crate::{
    cli::{DatabaseArgs, LogFormat},
    logging,
    serve::{database::Database, places::Places, settings},
};

/// Migrates the database that `serve` would use.
pub async fn migrate(args: &DatabaseArgs) -> Result<()> {
    logging::start(LogFormat::Text);
    let config = settings::load(args, None)?;
    let places = Places::new(args.data_dir.as_deref())?;
    let database = Database::open(&config, &places, args.embedded_postgres).await?;
    let outcome = database.migrate().await;
    database.close().await?;
    outcome?;
    tracing::info!("the schema is up to date");
    Ok(())
}
