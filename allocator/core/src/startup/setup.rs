use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Db, DbError, ids::VmId};

/// What a VM told of its own start, besides how long that took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    pub image: Option<ClientImage>,
    pub script: Option<ScriptRun>,
}

/// What the container image of a VM was found to be.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ClientImage {
    /// It keeps the agent apart from the desktop.
    Current,
    /// Its agent runs as the desktop's user.
    Old,
    /// It has no agent of LabLink's.
    Foreign,
}

/// How the organiser's startup script went.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct ScriptRun {
    /// How often it was tried.
    pub attempts: u32,
    /// How the last try ended; 0: well.
    pub exit_status: u8,
}

/// What this VM (its `vm.id`) has told. What can't be read counts as not told.
pub async fn setup(db: &Db, vm_id: VmId) -> Result<Setup, DbError> {
    let sql = "select other->'client_image', other->'startup_script' from vm_startup
               where vm_id = $1";
    let Some(row) = db.client().await?.query_opt(sql, &[&vm_id]).await? else {
        return Ok(Setup::default());
    };
    Ok(Setup { image: read(row.try_get(0)?), script: read(row.try_get(1)?) })
}

fn read<T: DeserializeOwned>(told: Option<Value>) -> Option<T> {
    serde_json::from_value(told?).ok()
}
