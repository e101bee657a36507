use std::{fs, path::PathBuf, time::Duration};

use anyhow::Result;
use lablink_e2e::{Deployment, eventually};

/// Stands before `terraform apply`, so that an operation runs for as long as a test needs it.
pub struct Gate {
    closed: PathBuf,
    waiting: PathBuf,
}

impl Gate {
    pub fn before_terraform(deployment: &Deployment) -> Result<Self> {
        let at = |name: &str| deployment.folder().join(name);
        let gate = Self { closed: at("gate-is-closed"), waiting: at("somebody-waits") };
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = apply ]; then\n\
             while [ -e '{}' ]; do : >'{}'; sleep 0.1; done\nfi\n\
             PATH=${{PATH#*:}}; exec terraform \"$@\"\n",
            gate.closed.display(),
            gate.waiting.display()
        );
        deployment.put_before("terraform", &script)?;
        Ok(gate)
    }

    pub fn close(&self) -> Result<()> {
        let _nobody = fs::remove_file(&self.waiting);
        Ok(fs::write(&self.closed, "")?)
    }

    pub fn open(&self) -> Result<()> {
        Ok(fs::remove_file(&self.closed)?)
    }

    pub async fn somebody_waits(&self) -> Result<()> {
        eventually("an operation at the gate", Duration::from_secs(20), async || {
            Ok(self.waiting.exists().then_some(()))
        })
        .await
    }
}
