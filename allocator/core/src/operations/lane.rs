use std::borrow::Cow;

use lablink_protocol::Hostname;

/// A lane, in which operations wait for each other: one per lane and pool runs at a time. In
/// addition, two operations never work on one VM at a time, whatever their lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane(Cow<'static, str>);

impl Lane {
    /// The lane of everything that makes, changes or reads machines as a whole.
    pub const MACHINES: Self = Self(Cow::Borrowed("machines"));

    /// A lane of its own for each VM.
    pub fn of_vm(hostname: &Hostname) -> Self {
        Self(Cow::Owned(format!("vm:{hostname}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Any other one.
impl From<String> for Lane {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}
