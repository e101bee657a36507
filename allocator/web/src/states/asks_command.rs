use lablink_core::pools::Desktop;
use lablink_protocol::{CrdCode, CrdCommandError};

/// Whether people give a command of Chrome Remote Desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsksCommand {
    Always,
    /// Who likes it better than the desktop in the tab.
    WhoLikes,
    Never,
}

impl AsksCommand {
    pub fn of(desktop: Desktop) -> Self {
        match desktop {
            Desktop::ChromeRemoteDesktop => Self::Always,
            Desktop::Both => Self::WhoLikes,
            Desktop::Browser => Self::Never,
        }
    }

    /// The code of the command that somebody has typed. None: the desktop in the tab is enough.
    pub fn read(self, command: &str) -> Result<Option<CrdCode>, CrdCommandError> {
        match self {
            Self::WhoLikes if command.trim().is_empty() => Ok(None),
            Self::Always | Self::WhoLikes => CrdCode::typed(command).map(Some),
            // It opens machines that show no desktop in a tab. On the others it has no effect.
            Self::Never => Ok(CrdCode::typed(command).ok()),
        }
    }
}
