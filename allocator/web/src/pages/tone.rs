use std::fmt;

/// How a state should feel. It colours a pill, which always carries the state in words as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to see: over, absent, waiting.
    Quiet,
    /// Something moves.
    Busy,
    Good,
    Warn,
    Bad,
}

/// The class in the stylesheet.
impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}
