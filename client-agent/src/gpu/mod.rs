//! How this machine's GPUs are: asked of the driver through NVML, signal by signal, each with a
//! deadline of its own, and judged in words. Without an NVIDIA library there is no GPU, which is
//! no fault.

mod card;
mod driver;
mod fallen;
mod kernel_log;
mod monitor;
mod nvidia_smi;
mod question;
mod reading;
mod report;
mod settled;
mod table;
mod verdict;
mod xid;
mod xid_events;

use std::{num::NonZeroU16, path::PathBuf};

use clap::Args;

pub use monitor::{Look, Monitor};
pub use reading::{Card, Reading};
pub use report::{GpuVitals, watch};
pub use verdict::Verdict;

/// Where the agent learns of GPUs.
#[derive(Args, Clone)]
pub struct Sources {
    /// NVIDIA's management library: a name that the system's loader finds, or a path
    #[arg(long, env = "LABLINK_NVML", value_name = "LIBRARY", default_value = "libnvidia-ml.so.1")]
    pub nvml: PathBuf,

    /// The kernel's log, in which the driver notes errors of the GPU
    #[arg(long, env = "LABLINK_KERNEL_LOG", value_name = "FILE", default_value = "/dev/kmsg")]
    pub kernel_log: PathBuf,

    /// Seconds between two looks at the GPUs
    #[arg(long, env = "LABLINK_GPU_INTERVAL", value_name = "SECONDS", default_value = "20")]
    pub gpu_interval: NonZeroU16,
}
