use askama::Template;
use jiff::Timestamp;

use super::{ansi, found, level};
use crate::{links, pages::LogLevel, states::vm::VmState};

use ansi::Span;

/// `/admin/logs/{hostname}`: a part of a VM's log. At the end of the log it follows what comes.
#[derive(Template)]
#[template(path = "logs/log.html")]
pub struct LogPage {
    pub hostname: String,
    pub state: VmState,
    /// How long the VM's start took, in seconds, once that is known.
    pub startup_seconds: Option<i64>,
    pub lines: LogLines,
    pub part: LogPart,
    pub which: LogLevels,
    /// Where the lines before those begin, if there may be any: the id of the first one read.
    pub earlier: Option<i64>,
    /// Why there is no line, and what comes next. Only where nothing has been written.
    pub waits_for: Option<String>,
}

/// Which part of the log is shown.
#[derive(PartialEq, Eq)]
pub enum LogPart {
    /// The end, which grows.
    End,
    /// Older lines.
    Older,
    /// Lines that hold this text.
    Found(String),
}

/// Which lines of that part are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevels {
    #[default]
    All,
    /// Those that look like errors.
    Errors,
}

/// Lines as the page lists them, and as its stream sends them.
#[derive(Template)]
#[template(path = "logs/lines.html")]
pub struct LogLines {
    lines: Vec<ShownLine>,
}

struct ShownLine {
    id: i64,
    at: Timestamp,
    level: LogLevel,
    spans: Vec<Span>,
}

impl LogPage {
    fn searched(&self) -> &str {
        match &self.part {
            LogPart::Found(text) => text,
            LogPart::End | LogPart::Older => "",
        }
    }

    /// Only the end of a whole log grows.
    fn follows(&self) -> bool {
        self.part == LogPart::End && self.which == LogLevels::All
    }

    /// Where the lines before `first` are.
    fn earlier(&self, first: &i64) -> String {
        let level = match self.which {
            LogLevels::All => "",
            LogLevels::Errors => "error",
        };
        links::log_before(&self.hostname, *first, level, self.searched())
    }

    /// The same search among errors alone.
    fn errors_only(&self) -> String {
        links::log_errors(&self.hostname, self.searched())
    }
}

impl LogLines {
    /// From ids, times and texts.
    pub fn new(lines: impl IntoIterator<Item = (i64, Timestamp, String)>) -> Self {
        let shown = |(id, at, text): (_, _, String)| {
            let spans = ansi::spans(&text);
            let plain: String = spans.iter().map(|span| span.text.as_str()).collect();
            ShownLine { id, at, level: level::of(&plain), spans }
        };
        Self { lines: lines.into_iter().map(shown).collect() }
    }

    /// Marks this text wherever it stands within one colour.
    pub fn marking(mut self, text: &str) -> Self {
        for line in &mut self.lines {
            line.spans = found::marked(std::mem::take(&mut line.spans), text);
        }
        self
    }

    /// Keeps what looks like an error, and of that the last `limit` lines.
    pub fn errors(mut self, limit: usize) -> Self {
        self.lines.retain(|line| matches!(line.level, LogLevel::Error));
        self.lines.drain(..self.lines.len().saturating_sub(limit));
        self
    }

    pub fn first_id(&self) -> Option<i64> {
        self.lines.first().map(|line| line.id)
    }

    pub fn count(&self) -> usize {
        self.lines.len()
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn last_id(&self) -> i64 {
        self.lines.last().map_or(0, |line| line.id)
    }

    fn last_error(&self) -> Option<i64> {
        let mut backwards = self.lines.iter().rev();
        backwards.find(|line| matches!(line.level, LogLevel::Error)).map(|line| line.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(texts: &[&str], part: LogPart, waits_for: Option<&str>) -> String {
        let lines = texts
            .iter()
            .zip(11..)
            .map(|(text, id)| (id, Timestamp::from_second(3600 + id).unwrap(), (*text).to_owned()));
        LogPage {
            hostname: "vm-1".to_owned(),
            state: VmState::Free,
            startup_seconds: Some(192),
            lines: LogLines::new(lines),
            part,
            which: LogLevels::All,
            earlier: Some(11),
            waits_for: waits_for.map(str::to_owned),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn lines_show_their_colours_and_levels_and_are_escaped() {
        let html = page(&["<script>\u{1b}[31m&</b>", "app[ERROR]: <i>"], LogPart::End, None);
        assert!(html.contains(
            r#"01:00:11</time> &#60;script&#62;<span class="fg-1">&#38;&#60;/b&#62;</span></li>"#
        ));
        assert!(html.contains(r#"<li id="l12" class="error">"#) && html.contains("&#60;i&#62;"));
        assert!(html.contains(r##"href="#l12">Jump to errors"##) && !html.contains('\u{1b}'));
        assert!(html.contains("3 min 12 s") && !html.contains("style="));
    }

    #[test]
    fn the_end_of_a_log_follows_and_other_parts_stand_still() {
        let end = page(&["x"], LogPart::End, None);
        assert!(end.contains(r#"data-lines="/admin/logs/vm-1/lines" data-last="11""#));
        assert!(end.contains(r#"http-equiv="refresh""#));
        for part in [LogPart::Older, LogPart::Found("x".to_owned())] {
            let html = page(&["x"], part, None);
            assert!(!html.contains("data-lines") && !html.contains("http-equiv"));
            assert!(html.contains("Newest lines"));
        }
    }

    #[test]
    fn a_search_goes_on_to_earlier_lines() {
        let html = page(&["x"], LogPart::Found("a\"&<b>".to_owned()), None);
        assert!(html.contains(r#"/admin/logs/vm-1?before=11&#38;search=a%22%26%3Cb%3E"#));
        assert!(html.contains(r#"value="a&#34;&#38;&#60;b&#62;""#));
    }

    #[test]
    fn what_is_searched_is_marked_in_any_case_and_keeps_its_colour() {
        let lines =
            [(1, Timestamp::UNIX_EPOCH, "an <Error>, \u{1b}[31merrors\u{1b}[0m".to_owned())];
        let html = LogLines::new(lines).marking("error").render().unwrap();
        assert!(html.contains("an &#60;<mark>Error</mark>&#62;, "), "{html}");
        assert!(html.contains(r#"<mark class="fg-1">error</mark><span class="fg-1">s</span>"#));
    }

    #[test]
    fn errors_alone_stand_still_and_go_on_to_earlier_ones() {
        let texts = ["ok", "app[ERROR]: one", "fine", "E: two", "no error", "panicked: three"];
        let lines =
            texts.iter().zip(1..).map(|(text, id)| (id, Timestamp::UNIX_EPOCH, (*text).to_owned()));
        let lines = LogLines::new(lines).errors(2);
        assert_eq!((lines.first_id(), lines.count()), (Some(4), 2));
        let html = LogPage {
            hostname: "vm-1".to_owned(),
            state: VmState::Free,
            startup_seconds: None,
            lines,
            part: LogPart::Found("x y".to_owned()),
            which: LogLevels::Errors,
            earlier: Some(4),
            waits_for: None,
        };
        let html = html.render().unwrap();
        assert!(html.contains("two<") && html.contains("three<") && !html.contains("one<"));
        assert!(html.contains("?before=4&#38;search=x+y&#38;level=error"));
        assert!(!html.contains("data-lines") && html.contains(r#"name="level" value="error""#));
        assert!(html.contains("<b>Errors only</b>") && html.contains("All lines"));
        assert!(
            page(&["x"], LogPart::End, None).contains(r#"href="/admin/logs/vm-1?level=error""#)
        );
    }

    #[test]
    fn an_empty_log_says_what_it_waits_for() {
        let html = page(&[], LogPart::End, Some("The VM is starting."));
        assert!(html.contains("No lines yet") && html.contains("The VM is starting."));
        assert!(page(&[], LogPart::Found("x".to_owned()), None).contains("Nothing found"));
    }
}
