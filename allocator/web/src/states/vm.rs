//! What a VM is, in one word, and who has it.

use jiff::Timestamp;
use lablink_core::{pools::StaleAfter, vms::Vm};
use lablink_protocol::VmStatus;

use super::{attention::attention, claim::Connection, trouble::Attention};
use crate::pages::Tone;

pub enum VmState {
    Starting,
    Free,
    /// Kept for somebody in line.
    Offered,
    Claimed,
    Attention(Attention),
    Removing,
    /// A participant had it, and it was neither made anew nor cleaned since.
    Used,
    /// Its agent takes a new token since a claim has ended.
    TokenDue,
}

pub struct InstanceClaim {
    pub email: String,
    pub pin: String,
    pub connection: Connection,
    pub activity: Activity,
    pub since: Timestamp,
}

/// Whether the participant's software runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    InUse,
    Idle,
}

impl VmState {
    pub fn of(vm: &Vm, now: Timestamp, stale_after: StaleAfter) -> Self {
        match attention(vm, now, stale_after) {
            _ if vm.removing => Self::Removing,
            Some(attention) => Self::Attention(attention),
            None if vm.claim.is_some() => Self::Claimed,
            None if vm.status == VmStatus::Initializing => Self::Starting,
            None if vm.used_since.is_some() => Self::Used,
            None if vm.token_due_since.is_some() => Self::TokenDue,
            None if vm.offered => Self::Offered,
            None => Self::Free,
        }
    }

    pub fn label(&self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Free => "Free",
            Self::Offered => "Kept for the line",
            Self::Claimed => "Claimed",
            Self::Attention(attention) => attention.trouble.label(),
            Self::Removing => "Being removed",
            Self::Used => "Used before",
            Self::TokenDue => "Taking a new token",
        }
    }

    pub fn tone(&self) -> Tone {
        match self {
            Self::Starting | Self::Claimed | Self::Offered | Self::TokenDue => Tone::Busy,
            Self::Free => Tone::Good,
            Self::Attention(attention) => attention.trouble.tone(),
            Self::Removing => Tone::Quiet,
            Self::Used => Tone::Warn,
        }
    }
}

impl Activity {
    pub fn of(vm: &Vm) -> Self {
        if vm.in_use { Self::InUse } else { Self::Idle }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::InUse => "In use",
            Self::Idle => "Idle",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::InUse => Tone::Good,
            Self::Idle => Tone::Quiet,
        }
    }
}

/// The participant who would lose the VM.
pub struct Holder {
    pub email: String,
    pub activity: Activity,
}

impl InstanceClaim {
    /// None: nobody has it.
    pub fn of(vm: &Vm) -> Option<Self> {
        let claim = vm.claim.clone()?;
        Some(Self {
            email: claim.email,
            pin: claim.pin.reveal().to_owned(),
            connection: Connection::of(claim.state, claim.detail),
            activity: Activity::of(vm),
            since: claim.since,
        })
    }
}

impl Holder {
    /// None: nobody has it.
    pub fn of(vm: &Vm) -> Option<Self> {
        let claim = vm.claim.as_ref()?;
        Some(Self { email: claim.email.clone(), activity: Activity::of(vm) })
    }
}
