use std::{fs, path::Path};

use nvml_wrapper::{Nvml, error::NvmlError};

/// What loading NVML led to.
pub enum Driver {
    Open {
        nvml: &'static Nvml,
        version: Option<String>,
        gpus: u32,
    },
    /// There is no NVIDIA library.
    NoLibrary,
    /// There is a library, and nothing for it to manage.
    NoGpu,
    /// There is a GPU, and no way to use it; the reason, in words.
    Broken(String),
}

/// Loads the library and asks how many GPUs it manages. Like every call into the driver, it may
/// hang.
pub fn open(library: &Path) -> Driver {
    let nvml = match Nvml::builder().lib_path(library.as_os_str()).init() {
        // Never unloaded: a hung call may be inside it, and closing hangs as well.
        Ok(nvml) => Box::leak(Box::new(nvml)),
        Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => {
            return Driver::NoLibrary;
        }
        Err(NvmlError::LibRmVersionMismatch) => {
            return Driver::Broken(
                "the NVIDIA driver was updated while it ran, and its parts do not fit together: \
                 restart the machine"
                    .to_owned(),
            );
        }
        Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired | NvmlError::IrqIssue)) => {
            return Driver::Broken(format!("the GPU can't be used ({error}): restart the machine"));
        }
        Err(error) => return without_driver(&error),
    };
    let version = nvml.sys_driver_version().ok();
    match nvml.device_count() {
        Ok(0) => without_driver(&NvmlError::NotFound),
        Ok(gpus) => Driver::Open { nvml, version, gpus },
        Err(error) => Driver::Broken(format!("the NVIDIA driver can't tell its GPUs ({error})")),
    }
}

/// Where the kernel lists what is on the bus.
pub(super) const PCI_DEVICES: &str = "/sys/bus/pci/devices";

fn without_driver(error: &NvmlError) -> Driver {
    if has_nvidia_gpu(Path::new(PCI_DEVICES)) {
        Driver::Broken(format!(
            "the machine has an NVIDIA GPU that its driver does not serve ({error}): install or \
             load the driver"
        ))
    } else {
        Driver::NoGpu
    }
}

/// Whether a display or compute device of NVIDIA is on the bus (sysfs: `vendor`, `class`).
pub(super) fn has_nvidia_gpu(devices: &Path) -> bool {
    let holds = |file: std::path::PathBuf, start| {
        fs::read_to_string(file).is_ok_and(|text| text.starts_with(start))
    };
    fs::read_dir(devices).into_iter().flatten().flatten().any(|device| {
        holds(device.path().join("vendor"), "0x10de") && holds(device.path().join("class"), "0x03")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_nvidia_gpu_is_known_by_vendor_and_class() {
        let devices = tempfile::tempdir().unwrap();
        let add = |name: &str, vendor: &str, class: &str| {
            let device = devices.path().join(name);
            fs::create_dir(&device).unwrap();
            fs::write(device.join("vendor"), vendor).unwrap();
            fs::write(device.join("class"), class).unwrap();
        };
        add("0000:00:01.0", "0x8086\n", "0x030000\n");
        add("0000:00:02.1", "0x10de\n", "0x040300\n");
        assert!(!has_nvidia_gpu(devices.path()), "its sound device is no GPU");
        add("0000:00:02.0", "0x10de\n", "0x030200\n");
        assert!(has_nvidia_gpu(devices.path()));
        assert!(!has_nvidia_gpu(&devices.path().join("none")));
    }
}
