use askama::Template;
use jiff::Timestamp;

use crate::pages::Tone;

/// `/admin/tasks`: the periodic tasks of the allocator.
#[derive(Template)]
#[template(path = "monitoring/tasks.html")]
pub struct TasksPage {
    pub rows: Vec<TaskRow>,
    pub now: Timestamp,
}

pub struct TaskRow {
    pub name: &'static str,
    /// What it does, as a sentence.
    pub does: &'static str,
    /// The pause between its runs, in words.
    pub every: String,
    pub running_since: Option<Timestamp>,
    pub runs: u64,
    pub failures: u64,
    pub last: Option<TaskRun>,
}

pub struct TaskRun {
    pub at: Timestamp,
    /// How many things it did, or why it failed.
    pub outcome: Result<u64, String>,
}

/// How a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    New,
    Running,
    Good,
    Failing,
}

impl TaskRow {
    /// A run that takes longer than this is worth a look.
    const LONG: i64 = 60;

    fn health(&self, now: &Timestamp) -> Health {
        let takes_long = self
            .running_since
            .is_some_and(|since| now.as_second() - since.as_second() > Self::LONG);
        match &self.last {
            _ if takes_long => Health::Running,
            None => Health::New,
            Some(TaskRun { outcome: Ok(_), .. }) => Health::Good,
            Some(TaskRun { outcome: Err(_), .. }) => Health::Failing,
        }
    }

    /// What came of the last run.
    fn result(&self) -> Option<String> {
        match &self.last.as_ref()?.outcome {
            Ok(0) => Some("Nothing to do.".to_owned()),
            Ok(done) => Some(format!("Did {done}.")),
            Err(reason) => Some(reason.clone()),
        }
    }
}

impl Health {
    fn label(self) -> &'static str {
        match self {
            Self::New => "Not run yet",
            Self::Running => "Takes long",
            Self::Good => "Works",
            Self::Failing => "Fails",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::New => Tone::Quiet,
            Self::Running => Tone::Warn,
            Self::Good => Tone::Good,
            Self::Failing => Tone::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_fails_or_takes_long_says_so() {
        let row = |outcome, running_since| TaskRow {
            name: "log lines",
            does: "Drops old ones.",
            every: "1 min".to_owned(),
            running_since,
            runs: 41,
            failures: 2,
            last: Some(TaskRun { at: Timestamp::UNIX_EPOCH, outcome }),
        };
        let page = |row| TasksPage { rows: vec![row], now: Timestamp::from_second(90).unwrap() };
        let html = page(row(Err("the database <said> nothing".to_owned()), None)).render().unwrap();
        for key in
            ["log lines", "Drops old ones.", ">1 min<", ">Fails<", "&#60;said&#62;", ">2 of 41<"]
        {
            assert!(html.contains(key), "{key}");
        }
        let html = page(row(Ok(7), Some(Timestamp::UNIX_EPOCH))).render().unwrap();
        assert!(html.contains("Takes long") && html.contains("Did 7."));
        assert!(page(row(Ok(0), None)).render().unwrap().contains("Nothing to do."));
    }
}
