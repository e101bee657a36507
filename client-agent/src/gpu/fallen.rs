use super::xid;

/// Finds the driver's words about a GPU that is gone, which it logs with an XID or without. They
/// may be spread over several lines: `NVRM: The NVIDIA GPU 0000:b3:00.0`, …,
/// `NVRM: fallen off the bus and is not responding to commands.`
#[derive(Default)]
pub struct Fallen {
    /// The GPU that such words began with.
    named: Option<String>,
}

impl Fallen {
    /// The address of the GPU that is gone, if this line completes it.
    pub fn take(&mut self, line: &str) -> Option<String> {
        let (_, told) = line.split_once("NVRM: ")?;
        let address = xid::address_in(told);
        if told.contains("fallen off the bus") {
            let unknown = || "whose address was not told".to_owned();
            return Some(address.or_else(|| self.named.take()).unwrap_or_else(unknown));
        }
        if told.starts_with("The NVIDIA GPU") {
            self.named = address;
        }
        None
    }
}
