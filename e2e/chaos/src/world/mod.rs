//! Everything of one LabLink in a folder of its own: Postgres, allocators that share database,
//! state and VMs, and what stands between them.

mod allocator;
mod front;
mod machines;
mod postgres;
mod proxy;
mod scripts;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, ensure};
use lablink_e2e::{eventually, free_port};

#[cfg(test)]
pub use self::machines::Folder;
pub use self::{
    allocator::Allocator,
    front::Front,
    machines::{Machines, Start, VmCall},
    postgres::{Postgres, Stop},
    proxy::Proxy,
    scripts::{HUNG, Scripts},
};
use crate::history::Recorder;

pub const ADMIN_PASSWORD: &str = "a-password-for-chaos";
/// From the first process to the first answer, a new cluster included.
const START: Duration = Duration::from_secs(60);

pub struct World {
    pub folder: PathBuf,
    pub recorder: Arc<Recorder>,
    pub postgres: Arc<Postgres>,
    pub front: Front,
    pub allocators: Vec<Arc<Allocator>>,
    pub scripts: Scripts,
}

impl World {
    /// Starts everything and waits until each allocator is ready.
    pub async fn start(folder: &Path, allocators: usize, recorder: Arc<Recorder>) -> Result<Self> {
        // As root, Postgres is another user who must pass through.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
        for name in ["logs", "state", "vms", "home"] {
            fs::create_dir(folder.join(name))?;
        }
        let scripts = Scripts::write(folder)?;
        fs::write(
            folder.join("config.yaml"),
            format!(
                "provider: local\n\
                 desktop: chrome-remote-desktop\n\
                 local: {{ warm: 0, vm_dir: {} }}\n\
                 limits: {{ form_per_address: 0, form_per_email: 0, max_vms: 50 }}\n",
                folder.join("vms").display()
            ),
        )?;
        let postgres = Arc::new(Postgres::start(folder).await?);
        let front_port = free_port()?;
        let mut started = Vec::new();
        for number in 0..allocators {
            let proxy = Proxy::open(postgres.socket()).await?;
            let allocator =
                Allocator::new(number, folder, front_port, proxy, Arc::clone(&recorder))?;
            allocator.start().await?;
            started.push(Arc::new(allocator));
        }
        let front = Front::open(front_port, &started).await?;
        for allocator in &started {
            eventually("an allocator to be ready", START, async || {
                Ok(allocator.answers_ready().await.then_some(()))
            })
            .await?;
            allocator.is_ready(true);
        }
        Ok(Self {
            folder: folder.to_owned(),
            recorder,
            postgres,
            front,
            allocators: started,
            scripts,
        })
    }

    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    pub fn vms(&self) -> PathBuf {
        self.folder.join("vms")
    }

    pub fn state_file(&self) -> PathBuf {
        self.folder.join("state/dev.tfstate")
    }

    /// Where Terraform runs for an allocator.
    pub fn workspace(&self, allocator: usize) -> PathBuf {
        self.folder.join(format!("allocator-{allocator}/terraform/dev"))
    }

    /// Asks every allocator to stop, as a service manager does.
    pub async fn stop_allocators(&self) -> Result<()> {
        let mut stops = tokio::task::JoinSet::new();
        for allocator in &self.allocators {
            let allocator = Arc::clone(allocator);
            stops.spawn(async move { allocator.stop().await });
        }
        let ended: Result<Vec<()>> = stops.join_all().await.into_iter().collect();
        ensure!(ended.is_ok(), "an allocator could not be stopped: {ended:?}");
        Ok(())
    }
}
