use askama::Template;
use jiff::Timestamp;

/// `/admin/machines`: registers a machine that somebody already has.
#[derive(Template)]
#[template(path = "machines/machine.html")]
pub struct MachinePage {
    /// What was typed.
    pub hostname: String,
    pub ssh: SshTyped,
    pub problem: Option<(MachineField, String)>,
}

/// Which part of the form a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineField {
    /// None of it: machines can't be registered here.
    None,
    Hostname,
    Ssh,
}

/// How its results are fetched, as it was typed. The key is asked for anew.
#[derive(Default)]
pub struct SshTyped {
    pub address: String,
    pub port: String,
    pub login: String,
    pub directory: String,
}

impl MachinePage {
    fn is_wrong(&self, part: MachineField) -> bool {
        self.problem.as_ref().is_some_and(|(field, _)| *field == part)
    }

    /// What was typed into a folded part is in sight again.
    fn shows_ssh(&self) -> bool {
        let typed = [&self.ssh.address, &self.ssh.login, &self.ssh.directory];
        self.is_wrong(MachineField::Ssh) || typed.iter().any(|text| !text.is_empty())
    }
}

/// The answer to a registration: the only time that the command is shown.
#[derive(Template)]
#[template(path = "machines/install.html")]
pub struct InstallPage {
    pub hostname: String,
    pub command: String,
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_stays_to_be_corrected() {
        let mut page = MachinePage {
            hostname: "a<b".to_owned(),
            ssh: SshTyped::default(),
            problem: Some((MachineField::Hostname, "No name.".to_owned())),
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<details open"));
        page.ssh.login = "ada<b".to_owned();
        let filled = page.render().unwrap();
        assert!(filled.contains("aria-invalid"), "the name is still wrong");
        page.problem = Some((MachineField::Ssh, "No key.".to_owned()));
        assert!(!page.render().unwrap().contains("aria-invalid"));
        assert!(filled.contains("<details open") && filled.contains(r#"value="ada&#60;b""#));
        assert!(html.contains(r#"value="a&#60;b""#) && html.contains("No name."));
        assert!(html.contains(r#"action="/api/vms""#) && html.contains("aria-invalid"));
    }

    #[test]
    fn the_command_is_shown_with_its_end() {
        let html = InstallPage {
            hostname: "desk".to_owned(),
            command: "printf %s t | sudo sh".to_owned(),
            expires_at: Timestamp::UNIX_EPOCH,
        };
        let html = html.render().unwrap();
        assert!(html.contains("printf %s t | sudo sh</textarea>") && html.contains("1970-01-01"));
    }
}
