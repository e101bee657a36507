use nvml_wrapper::{bitmasks::device::ThrottleReasons, error::NvmlError};

use super::question::Answer;

/// What one question about a GPU brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading<T> {
    Value(T),
    /// This GPU, driver or user has no such thing: no fault.
    Unsupported,
    /// The GPU has fallen off the bus.
    Lost,
    ResetRequired,
    Failed(String),
    /// The driver does not answer.
    Hung,
}

impl<T> Reading<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unsupported | Self::Lost | Self::ResetRequired | Self::Failed(_) | Self::Hung => {
                None
            }
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Value(value) => Reading::Value(change(value)),
            Self::Unsupported => Reading::Unsupported,
            Self::Lost => Reading::Lost,
            Self::ResetRequired => Reading::ResetRequired,
            Self::Failed(error) => Reading::Failed(error),
            Self::Hung => Reading::Hung,
        }
    }

    /// Both values; without one of them, the worse of what came instead.
    pub fn zip<U>(self, other: Reading<U>) -> Reading<(T, U)> {
        match (self, other) {
            (Self::Value(one), Reading::Value(other)) => Reading::Value((one, other)),
            (Self::Lost, _) | (_, Reading::Lost) => Reading::Lost,
            (Self::ResetRequired, _) | (_, Reading::ResetRequired) => Reading::ResetRequired,
            (Self::Hung, _) | (_, Reading::Hung) => Reading::Hung,
            (Self::Failed(error), _) | (_, Reading::Failed(error)) => Reading::Failed(error),
            (Self::Unsupported, _) | (_, Reading::Unsupported) => Reading::Unsupported,
        }
    }
}

impl<T> From<Answer<Result<T, NvmlError>>> for Reading<T> {
    fn from(answer: Answer<Result<T, NvmlError>>) -> Self {
        match answer {
            None => Self::Hung,
            Some(Ok(value)) => Self::Value(value),
            Some(Err(NvmlError::GpuLost)) => Self::Lost,
            Some(Err(NvmlError::ResetRequired)) => Self::ResetRequired,
            Some(Err(error)) if is_unsupported(&error) => Self::Unsupported,
            Some(Err(error)) => Self::Failed(error.to_string()),
        }
    }
}

/// Whether the error says no more than that there is nothing to know.
pub(super) fn is_unsupported(error: &NvmlError) -> bool {
    matches!(
        error,
        NvmlError::NotSupported
            | NvmlError::NoPermission
            | NvmlError::NotFound
            | NvmlError::NoData
            | NvmlError::InvalidArg
            | NvmlError::FunctionNotFound
            | NvmlError::FailedToLoadSymbol(_)
            | NvmlError::UnexpectedVariant(_)
    )
}

/// What is known of one GPU at one moment.
#[derive(Clone, Debug)]
pub struct Card {
    /// From 0, in the driver's order.
    pub index: u32,
    pub identity: Reading<Identity>,
    pub temperature: Reading<Temperature>,
    pub memory: Reading<Memory>,
    /// Percent of the time in which the GPU was busy.
    pub utilization: Reading<u32>,
    /// Milliwatts.
    pub power: Reading<u32>,
    pub ecc: Reading<Ecc>,
    pub rows: Reading<Rows>,
    pub throttle: Reading<ThrottleReasons>,
    pub recovery: Reading<Recovery>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    pub name: String,
    /// `domain:bus:device` in hexadecimal digits, as the kernel writes it: `0000:01:00`.
    pub address: String,
}

/// Degrees Celsius; without limits of its own a GPU is judged by none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperature {
    pub now: u32,
    pub slowdown: Option<u32>,
    pub shutdown: Option<u32>,
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    pub used: u64,
    pub total: u64,
}

/// Memory errors since the driver was loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ecc {
    pub corrected: u64,
    pub uncorrected: u64,
}

/// Whether bad rows (or, before Ampere, pages) of memory wait to be replaced, or can't be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rows {
    pub pending: bool,
    pub failed: bool,
}

/// What the driver wants done (NVML's field 230 and its enumeration).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Recovery {
    None,
    Reset,
    Reboot,
    DrainPeers,
    DrainAndReset,
    Other(u64),
}

impl From<u64> for Recovery {
    fn from(number: u64) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Reset,
            2 => Self::Reboot,
            3 => Self::DrainPeers,
            4 => Self::DrainAndReset,
            other => Self::Other(other),
        }
    }
}
