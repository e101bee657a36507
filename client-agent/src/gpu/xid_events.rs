use std::{io, sync::Arc, thread, time::Duration};

use nvml_wrapper::{
    Nvml, bitmasks::event::EventTypes, enums::event::XidError, error::NvmlError, event::EventSet,
};
use tracing::debug;

use super::xid::{self, Xids};

const WAIT_MS: u32 = 10_000;
/// After an error, which may be there to stay.
const PAUSE: Duration = Duration::from_secs(20);

/// Waits for the driver's events, for as long as the agent lives, on a thread of its own: the call
/// blocks, and may hang.
pub fn follow(nvml: &'static Nvml, gpus: u32, xids: Arc<Xids>) -> io::Result<()> {
    let watch = move || match subscribe(nvml, gpus) {
        Ok(events) => listen(&events, &xids),
        Err(error) => debug!("the driver tells no errors by itself: {error}"),
    };
    thread::Builder::new().name("xid-events".to_owned()).stack_size(128 * 1024).spawn(watch)?;
    Ok(())
}

fn subscribe(nvml: &'static Nvml, gpus: u32) -> Result<EventSet<'static>, NvmlError> {
    let wanted = EventTypes::CRITICAL_XID_ERROR;
    let mut events = nvml.create_event_set()?;
    for index in 0..gpus {
        let Ok(device) = nvml.device_by_index(index) else { continue };
        if device.supported_event_types().is_ok_and(|types| types.contains(wanted)) {
            events = device.register_events(wanted, events).map_err(|failure| failure.error)?;
        }
    }
    Ok(events)
}

fn listen(events: &EventSet<'_>, xids: &Xids) {
    loop {
        match events.wait(WAIT_MS) {
            Ok(event) => {
                let place = event.device.pci_info();
                if let (Ok(pci), Some(XidError::Value(number))) = (place, event.event_data) {
                    xids.note(xid::address(pci.domain, pci.bus, pci.device), number);
                }
            }
            Err(NvmlError::Timeout) => {}
            Err(error) => {
                debug!("waiting for the driver's events failed: {error}");
                thread::sleep(PAUSE);
            }
        }
    }
}
