use std::{path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::{
    driver::{PCI_DEVICES, has_nvidia_gpu},
    reading::Card,
    table::{self, Table},
    verdict::Verdict,
};

const LIMIT: Duration = Duration::from_secs(15);
const QUERY: &str = "--query-gpu=name,temperature.gpu,memory.used,memory.total,utilization.gpu,\
    ecc.errors.corrected.volatile.total,ecc.errors.uncorrected.volatile.total";

/// NVIDIA's program, which is asked where there is one but no library that can be loaded.
#[derive(Default)]
pub struct NvidiaSmi {
    /// The most GPUs that it has listed at once: one that it leaves out later is lost.
    most: usize,
}

impl NvidiaSmi {
    /// Asks it, and judges together with the errors that the GPUs have had.
    pub async fn look(&mut self, xids: &[(String, u64)]) -> (Verdict, Vec<Card>) {
        let Table { cards, mut faults } = ask().await;
        self.most = self.most.max(cards.len());
        if cards.len() < self.most {
            let (now, most) = (cards.len(), self.most);
            faults.push(format!(
                "{now} of its {most} GPUs are left, the others are lost: restart the machine"
            ));
        }
        if cards.is_empty() && faults.is_empty() {
            return (Verdict::none(), cards);
        }
        let verdict = faults.into_iter().rev().fold(Verdict::of(&cards, xids), Verdict::and);
        (verdict, cards)
    }
}

/// Nothing at all: there is no such program.
async fn ask() -> Table {
    let asked = Command::new("nvidia-smi")
        .args([QUERY, "--format=csv,noheader,nounits"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(LIMIT, asked).await {
        Err(_slow) => Table::fault("the NVIDIA driver does not answer".to_owned()),
        Ok(Err(_no_program)) => Table::default(),
        // As a shell says of a program that is not there (contract §3.4).
        Ok(Ok(output)) if output.status.code() == Some(127) => Table::default(),
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let mut table = table::read(&text);
            if !output.status.success() {
                let status = output.status;
                table.faults.insert(0, format!("nvidia-smi can't reach the driver ({status})"));
            }
            if table.is_empty() && has_nvidia_gpu(Path::new(PCI_DEVICES)) {
                let fault = "the machine has an NVIDIA GPU that nvidia-smi does not list: \
                             restart the machine";
                table.faults.push(fault.to_owned());
            }
            table
        }
    }
}
