//! How long a VM took to become usable, in three stages: Terraform makes the machine, cloud-init
//! sets it up, the container starts its programs.

mod provisioned;
mod recent;
mod report;
mod setup;
mod stage;

use tokio_postgres::Row;

pub use provisioned::provisioned;
pub use recent::{Start, of_start, recent};
pub use report::{Report, record};
pub use setup::{ClientImage, ScriptRun, Setup, setup};
pub use stage::Stage;

use crate::{Db, DbError, ids::VmId};

/// What is known of a VM's start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Startup {
    pub provisioning: Stage,
    pub cloud_init: Stage,
    pub container: Stage,
    /// A part of one of the others: it does not count by itself.
    pub image_pull: Stage,
}

impl Startup {
    /// The stages' durations together, in seconds, once all three are known. Pauses between stages
    /// don't count, as in the original.
    pub fn total_seconds(&self) -> Option<f64> {
        Some(self.provisioning.seconds? + self.cloud_init.seconds? + self.container.seconds?)
    }
}

/// What is known of the start of this VM (its `vm.id`). A `Startup` without values if nothing is
/// known.
pub async fn of_vm(db: &Db, vm_id: VmId) -> Result<Startup, DbError> {
    let row = db.client().await?.query_opt(SELECT, &[&vm_id]).await?;
    row.as_ref().map_or(Ok(Startup::default()), startup)
}

const SELECT: &str = "select provisioning_started_at, provisioning_ended_at, provisioning_seconds,
        cloud_init_started_at, cloud_init_ended_at, cloud_init_seconds,
        container_started_at, container_ended_at, container_seconds,
        image_pull_started_at, image_pull_ended_at, image_pull_seconds
    from vm_startup where vm_id = $1";

fn startup(row: &Row) -> Result<Startup, DbError> {
    Ok(Startup {
        provisioning: Stage {
            started_at: row.try_get("provisioning_started_at")?,
            ended_at: row.try_get("provisioning_ended_at")?,
            seconds: row.try_get("provisioning_seconds")?,
        },
        cloud_init: Stage {
            started_at: row.try_get("cloud_init_started_at")?,
            ended_at: row.try_get("cloud_init_ended_at")?,
            seconds: row.try_get("cloud_init_seconds")?,
        },
        container: Stage {
            started_at: row.try_get("container_started_at")?,
            ended_at: row.try_get("container_ended_at")?,
            seconds: row.try_get("container_seconds")?,
        },
        image_pull: Stage {
            started_at: row.try_get("image_pull_started_at")?,
            ended_at: row.try_get("image_pull_ended_at")?,
            seconds: row.try_get("image_pull_seconds")?,
        },
    })
}
