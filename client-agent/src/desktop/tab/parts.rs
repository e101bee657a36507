use std::path::{Path, PathBuf};

/// The programs that a desktop in a tab is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    pub server: PathBuf,
    /// What draws it, with its arguments.
    pub session: Vec<String>,
}

/// A program that is not installed, and how to get it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingPart {
    #[error(
        "There is no VNC server for a desktop in the browser: run apt-get install \
         tigervnc-standalone-server xfce4 xfce4-terminal dbus-x11, and start the agent again."
    )]
    Server,
    #[error(
        "There is no desktop environment to show in the browser: run apt-get install xfce4 \
         xfce4-terminal dbus-x11, and start the agent again."
    )]
    Session,
}

const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// Desktop environments, the best first, each with what starts it.
const SESSIONS: [&[&str]; 4] =
    [&["xfce4-session"], &["mate-session"], &["lxsession"], &["openbox", "--startup", "xterm"]];

impl Parts {
    /// Those of this machine.
    pub fn find() -> Result<Self, MissingPart> {
        let server = ["Xtigervnc", "Xvnc"].into_iter().find_map(installed);
        let server = server.ok_or(MissingPart::Server)?;
        let there = |session: &&&[&str]| session.first().is_some_and(|it| installed(it).is_some());
        let session = SESSIONS.iter().find(there).ok_or(MissingPart::Session)?;
        let session = session.iter().map(|&word| word.to_owned());
        // Without a bus of its own, a desktop environment would use the one of somebody else.
        let bus = ["dbus-run-session", "--"].map(str::to_owned);
        let has_bus = installed("dbus-run-session").is_some();
        let session = bus.into_iter().filter(|_| has_bus).chain(session).collect();
        Ok(Self { server, session })
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}
