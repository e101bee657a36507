use std::{ffi::OsStr, path::PathBuf, process::Stdio};

use tokio::process::Command;

use crate::desktop::Account;

/// Whose desktop it is.
#[derive(Clone, Debug)]
pub struct Owner {
    pub hostname: String,
    pub home: PathBuf,
    /// Login name.
    pub user: String,
    /// The account, where that is not the agent's own.
    pub account: Option<Account>,
}

/// What a desktop gets of the agent's own environment: no token, and no address of another's bus.
const KEPT: [&str; 6] = ["LANG", "LANGUAGE", "LC_ALL", "PATH", "SHELL", "TZ"];
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
const SETPRIV: &str = "/usr/bin/setpriv";

impl Owner {
    /// A program of theirs, which ends with the agent, however that ends.
    pub fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(SETPRIV);
        command.args(["--pdeathsig", "TERM"]);
        if let Some(account) = &self.account {
            command
                .arg(format!("--reuid={}", account.uid))
                .arg(format!("--regid={}", account.gid))
                .arg("--init-groups");
        }
        command.arg("--").arg(program).env_clear();
        // Without a language, programs take no letter that is not English.
        command.env("PATH", PATH).env("LANG", "C.UTF-8");
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
            .env("HOME", &self.home)
            .env("USER", &self.user)
            .env("LOGNAME", &self.user)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            // A group of its own, so that what it starts can be ended with it.
            .process_group(0)
            .kill_on_drop(true);
        let runtime_dir = self.account.as_ref().map(Account::runtime_dir);
        if let Some(folder) = runtime_dir.filter(|folder| folder.is_dir()) {
            command.env("XDG_RUNTIME_DIR", folder);
        }
        command
    }
}
