use askama::Template;
use jiff::Timestamp;

use crate::pages::LogLevel;

/// `/admin/log`: the last lines of the allocator itself.
#[derive(Template)]
#[template(path = "logs/own_log.html")]
pub struct OwnLogPage {
    /// Oldest first.
    pub lines: Vec<OwnLogLine>,
    /// The least serious level that is shown.
    pub level: LogLevel,
    /// The one request whose lines are shown; empty: all are.
    pub request: String,
}

pub struct OwnLogLine {
    pub at: Timestamp,
    pub level: LogLevel,
    pub request: Option<String>,
    pub text: String,
}

impl OwnLogPage {
    fn starts_at(&self, level: &str) -> bool {
        self.level.as_str() == level
    }

    fn is_filtered(&self) -> bool {
        self.level != LogLevel::Info || !self.request.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: Vec<OwnLogLine>, level: LogLevel, request: &str) -> String {
        OwnLogPage { lines, level, request: request.to_owned() }.render().unwrap()
    }

    #[test]
    fn lines_are_escaped_and_lead_to_their_request() {
        let line = OwnLogLine {
            at: Timestamp::from_second(3600).unwrap(),
            level: LogLevel::Error,
            request: Some("r-1".to_owned()),
            text: "<b>it broke".to_owned(),
        };
        let html = page(vec![line], LogLevel::Info, "");
        assert!(html.contains("&#60;b&#62;it broke") && html.contains(">Error</b>"));
        assert!(html.contains(r#"href="/admin/log?request=r-1""#));
        assert!(html.contains(r#"<option value="info" selected>"#));
        assert!(html.contains(r#"href="/admin/log?level=error""#));
        assert!(!page(Vec::new(), LogLevel::Error, "").contains("Errors only"));
    }

    #[test]
    fn a_filter_that_finds_nothing_says_so_and_is_kept_in_the_form() {
        let html = page(Vec::new(), LogLevel::Warn, "a\"b");
        assert!(html.contains("No line matches") && html.contains(r#"value="a&#34;b""#));
        assert!(html.contains(r#"<option value="warn" selected>"#));
        assert!(page(Vec::new(), LogLevel::Info, "").contains("Nothing written yet"));
    }
}
