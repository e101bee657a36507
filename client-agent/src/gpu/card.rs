use nvml_wrapper::{
    Device, Nvml,
    bitmasks::device::ThrottleReasons,
    enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor, TemperatureThreshold},
    enums::device::SampleValue,
    error::NvmlError,
    structs::device::FieldId,
    sys_exports::field_id::{
        NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, NVML_FI_DEV_REMAPPED_FAILURE,
        NVML_FI_DEV_REMAPPED_PENDING, NVML_FI_DEV_RETIRED_PENDING,
    },
};

use super::{
    question::Question,
    reading::{Card, Ecc, Identity, Memory, Reading, Recovery, Rows, Temperature, is_unsupported},
    xid,
};

/// One GPU, with a question per signal: one that hangs leaves the others their answers.
pub struct WatchedCard {
    nvml: &'static Nvml,
    index: u32,
    identity: Asked<Identity>,
    temperature: Asked<Temperature>,
    memory: Asked<Memory>,
    utilization: Asked<u32>,
    power: Asked<u32>,
    ecc: Asked<Ecc>,
    rows: Asked<Rows>,
    throttle: Asked<ThrottleReasons>,
    recovery: Asked<Recovery>,
}

type Asked<T> = Question<Result<T, NvmlError>>;

impl WatchedCard {
    pub fn new(nvml: &'static Nvml, index: u32) -> Self {
        Self {
            nvml,
            index,
            identity: Question::new(),
            temperature: Question::new(),
            memory: Question::new(),
            utilization: Question::new(),
            power: Question::new(),
            ecc: Question::new(),
            rows: Question::new(),
            throttle: Question::new(),
            recovery: Question::new(),
        }
    }

    pub async fn look(&mut self) -> Card {
        let (nvml, index) = (self.nvml, self.index);
        let power = |device: Device<'_>| device.power_usage();
        Card {
            index,
            identity: signal(nvml, index, &mut self.identity, identity).await,
            temperature: signal(nvml, index, &mut self.temperature, temperature).await,
            memory: signal(nvml, index, &mut self.memory, memory).await,
            utilization: signal(nvml, index, &mut self.utilization, utilization).await,
            power: signal(nvml, index, &mut self.power, power).await,
            ecc: signal(nvml, index, &mut self.ecc, ecc).await,
            rows: signal(nvml, index, &mut self.rows, rows).await,
            throttle: signal(nvml, index, &mut self.throttle, throttle).await,
            recovery: signal(nvml, index, &mut self.recovery, recovery).await,
        }
    }
}

async fn signal<T: Send + 'static>(
    nvml: &'static Nvml,
    index: u32,
    question: &mut Asked<T>,
    read: fn(Device<'static>) -> Result<T, NvmlError>,
) -> Reading<T> {
    question.ask(move || read(nvml.device_by_index(index)?)).await.into()
}

fn identity(device: Device<'_>) -> Result<Identity, NvmlError> {
    let pci = device.pci_info()?;
    let address = xid::address(pci.domain, pci.bus, pci.device);
    Ok(Identity { name: device.name()?, address })
}

fn temperature(device: Device<'_>) -> Result<Temperature, NvmlError> {
    let limit = |kind| device.temperature_threshold(kind).ok().filter(|limit| *limit > 0);
    Ok(Temperature {
        now: device.temperature(TemperatureSensor::Gpu)?,
        slowdown: limit(TemperatureThreshold::Slowdown),
        shutdown: limit(TemperatureThreshold::Shutdown),
    })
}

fn memory(device: Device<'_>) -> Result<Memory, NvmlError> {
    let memory = device.memory_info()?;
    Ok(Memory { used: memory.used, total: memory.total })
}

fn utilization(device: Device<'_>) -> Result<u32, NvmlError> {
    device.utilization_rates().map(|rates| rates.gpu)
}

fn ecc(device: Device<'_>) -> Result<Ecc, NvmlError> {
    let count = |kind| device.total_ecc_errors(kind, EccCounter::Volatile);
    Ok(Ecc {
        corrected: count(MemoryError::Corrected)?,
        uncorrected: count(MemoryError::Uncorrected)?,
    })
}

fn rows(device: Device<'_>) -> Result<Rows, NvmlError> {
    let remapped = field(&device, NVML_FI_DEV_REMAPPED_PENDING)?;
    let retired = field(&device, NVML_FI_DEV_RETIRED_PENDING)?;
    let failed = field(&device, NVML_FI_DEV_REMAPPED_FAILURE)?;
    let is_set = |flag: Option<u64>| flag.is_some_and(|flag| flag != 0);
    Ok(Rows { pending: is_set(remapped) || is_set(retired), failed: is_set(failed) })
}

fn throttle(device: Device<'_>) -> Result<ThrottleReasons, NvmlError> {
    device.current_throttle_reasons()
}

fn recovery(device: Device<'_>) -> Result<Recovery, NvmlError> {
    let action = field(&device, NVML_FI_DEV_GET_GPU_RECOVERY_ACTION)?;
    action.map(Recovery::from).ok_or(NvmlError::NotSupported)
}

/// One of NVML's numbered fields; `None` where the GPU or the driver does not have it.
fn field(device: &Device<'_>, id: u32) -> Result<Option<u64>, NvmlError> {
    let mut samples = device.field_values_for(&[FieldId(id)])?;
    let sample = samples.pop().ok_or(NvmlError::NoData)?;
    match sample.and_then(|sample| sample.value) {
        Ok(SampleValue::U32(value)) => Ok(Some(value.into())),
        Ok(SampleValue::U64(value)) => Ok(Some(value)),
        Ok(SampleValue::I64(value)) => Ok(Some(value.unsigned_abs())),
        Ok(SampleValue::F64(_)) => Ok(None),
        Err(error) if is_unsupported(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
