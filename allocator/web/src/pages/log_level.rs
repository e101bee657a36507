//! How serious a line of a log is.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Info,
    Warn,
    Error,
}

impl LogLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Said before the line: colour alone tells some readers nothing.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Info => None,
            Self::Warn => Some("Warning"),
            Self::Error => Some("Error"),
        }
    }
}
