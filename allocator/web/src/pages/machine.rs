use askama::Template;
use jiff::Timestamp;

/// `/admin/machines`: registers a machine that somebody already has.
#[derive(Template)]
#[template(path = "machine.html")]
pub struct MachinePage {
    /// What was typed.
    pub hostname: String,
    pub error: Option<String>,
}

/// The answer to a registration: the only time that the command is shown.
#[derive(Template)]
#[template(path = "install.html")]
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
        let page = MachinePage { hostname: "a<b".to_owned(), error: Some("No name.".to_owned()) };
        let html = page.render().unwrap();
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
