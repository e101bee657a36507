use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use lablink_protocol::GpuHealth;

/// The errors ("XIDs") that GPUs have had since the machine started, by the GPU's address. They are
/// kept: only a restart of the machine makes sure that such an error is over.
#[derive(Default)]
pub struct Xids(Mutex<BTreeSet<(String, u64)>>);

impl Xids {
    /// Notes an error; the driver's events and the kernel's log tell of the same ones.
    pub fn note(&self, address: String, number: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert((address.clone(), number)) {
            tracing::warn!(gpu.address = address, gpu.xid = number, "the GPU reports an error");
        }
    }

    pub fn all(&self) -> Vec<(String, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// `0000:01:00`: how the kernel and we write a GPU's place on the bus.
pub fn address(domain: u32, bus: u32, device: u32) -> String {
    format!("{domain:04x}:{bus:02x}:{device:02x}")
}

/// The error of a GPU that the driver reaches no more.
pub const FALLEN_OFF_THE_BUS: u64 = 79;

/// What an error means for the GPU, after NVIDIA's list of XIDs. Those that a participant's program
/// causes (13, 31, 43, 45, 68, 69 and the like) say nothing of the GPU: `None`.
pub fn meaning(number: u64) -> Option<(GpuHealth, &'static str)> {
    use GpuHealth::{Degraded, Unhealthy};
    Some(match number {
        48 => (Unhealthy, "a memory error that could not be corrected"),
        61 | 62 => (Unhealthy, "a fault of its internal controller"),
        63 => (Degraded, "memory that is replaced at the next restart"),
        64 => (Unhealthy, "memory that could not be replaced"),
        74 => (Degraded, "an error of its link to other GPUs"),
        FALLEN_OFF_THE_BUS => (Unhealthy, "it has fallen off the bus"),
        92 => (Degraded, "many corrected memory errors"),
        94 => (Degraded, "a memory error that ended a program"),
        95 => (Unhealthy, "a memory error that could not be contained"),
        119 | 120 => (Unhealthy, "its system processor does not answer"),
        140 => (Unhealthy, "a memory error that was not recovered from"),
        143 => (Unhealthy, "it could not be initialised"),
        _ => return None,
    })
}

/// The error that a line of the kernel's log tells of, as in
/// `NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus.`
pub fn in_line(line: &str) -> Option<(String, u64)> {
    let (_, told) = line.split_once("NVRM: Xid (")?;
    let (place, told) = told.split_once("):")?;
    let digits = told.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
    Some((address_in(place)?, digits.parse().ok()?))
}

/// The first address in a text, as in `PCI:0000:0A:00` or `GPU 0000:b3:00.0 (PCI ID: 10de:1eb8)`.
pub fn address_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || matches!(c, ':' | '.')));
    words.map(|word| word.trim_matches([':', '.'])).find_map(|word| {
        let (word, _function) = word.split_once('.').unwrap_or((word, ""));
        let parts: Vec<u32> = word
            .split(':')
            .map(|part| u32::from_str_radix(part, 16))
            .collect::<Result<_, _>>()
            .ok()?;
        let [domain, bus, device] = parts[..] else { return None };
        Some(address(domain, bus, device))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_name_gpu_and_error() {
        let line = "3,1,2,-;NVRM: Xid (PCI:0000:0A:00): 79, pid='<unknown>', GPU has fallen off";
        assert_eq!(in_line(line), Some((address(0, 10, 0), 79)));
        for line in ["NVRM: Xid (PCI:0000:01:00): 48", "NVRM: Xid (0000:01:00): 48, x"] {
            assert_eq!(in_line(line), Some((address(0, 1, 0), 48)), "{line}");
        }
        for other in ["NVRM: loading", "NVRM: Xid (PCI:0000:01:00): none", "usb 1-1: new device"] {
            assert_eq!(in_line(other), None, "{other}");
        }
    }

    #[test]
    fn what_programs_cause_says_nothing_of_the_gpu() {
        assert!([13, 31, 43, 45, 69].into_iter().all(|number| meaning(number).is_none()));
        assert_eq!(meaning(79).unwrap().0, GpuHealth::Unhealthy);
    }
}
