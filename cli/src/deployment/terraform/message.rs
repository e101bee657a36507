//! What Terraform says with `-json`, a message a line.

use serde::Deserialize;

use crate::output::Progress;

#[derive(Default)]
pub struct Messages {
    /// The beginning of a line.
    rest: String,
    errors: Vec<String>,
    /// Of resources.
    done: u64,
    total: u64,
}

#[derive(Deserialize)]
struct Message {
    r#type: String,
    #[serde(default)]
    diagnostic: Diagnostic,
    #[serde(default)]
    hook: Hook,
    #[serde(default)]
    changes: Changes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Diagnostic {
    severity: String,
    summary: String,
    detail: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hook {
    resource: Resource,
    action: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    addr: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Changes {
    add: u64,
    change: u64,
    remove: u64,
    operation: String,
}

impl Messages {
    pub fn take(&mut self, text: &str, progress: &Progress) {
        self.rest.push_str(text);
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            if let Ok(message) = serde_json::from_str(&line) {
                self.message(message, progress);
            }
        }
    }

    fn message(&mut self, message: Message, progress: &Progress) {
        let Message { r#type, diagnostic, hook, changes } = message;
        match r#type.as_str() {
            "diagnostic" if diagnostic.severity == "error" => {
                let Diagnostic { summary, detail, .. } = diagnostic;
                let text = if detail.is_empty() { summary } else { format!("{summary}: {detail}") };
                self.errors.push(text);
            }
            "planned_change" => self.total += 1,
            "change_summary" if changes.operation == "plan" => {
                self.total = changes.add + changes.change + changes.remove;
            }
            "apply_start" => {
                let Hook { resource, action } = hook;
                progress.says(&format!("{action} {}", resource.addr));
            }
            "refresh_start" => progress.says(&format!("reading {}", hook.resource.addr)),
            "apply_complete" => {
                self.done += 1;
                progress.counts(self.done, self.total);
            }
            _ => {}
        }
    }

    pub fn errors(&self) -> Option<String> {
        (!self.errors.is_empty()).then(|| self.errors.join("\n"))
    }
}

/// The id of a lock that a run of this machine left, if that is what an error is about.
pub fn left_lock(error: &str, host: &str) -> Option<String> {
    if !error.contains("Error acquiring the state lock") {
        return None;
    }
    let field = |name: &str| {
        error.lines().find_map(|line| line.trim().strip_prefix(name)).map(|it| it.trim().to_owned())
    };
    let who = field("Who:")?;
    let is_ours = who.rsplit_once('@').is_some_and(|(_, its)| its == host);
    field("ID:").filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_kept_and_resources_counted() {
        let mut messages = Messages::default();
        let progress = Progress::none();
        messages
            .take("{\"type\":\"diagnostic\",\"diagnostic\":{\"severity\":\"error\",", &progress);
        messages.take(
            "\"summary\":\"No\",\"detail\":\"way\"}}\n{\"type\":\"apply_complete\"}\nodd\n",
            &progress,
        );
        assert_eq!((messages.errors().as_deref(), messages.done), (Some("No: way"), 1));
    }

    #[test]
    fn only_a_lock_of_this_machine_is_taken_for_left() {
        let error = "Error acquiring the state lock: …\nLock Info:\n  ID:        4-5\n  Who:       me@here\n";
        assert_eq!(left_lock(error, "here").as_deref(), Some("4-5"));
        assert_eq!(left_lock(error, "there"), None);
        assert_eq!(left_lock("something else", "here"), None);
    }
}
