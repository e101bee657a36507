use std::fmt;

use super::super::{
    problem::Problem,
    yaml::{self, Node, Shape},
};

/// The lines of a file, some of which are changed.
pub(super) struct Lines {
    tree: Node,
    lines: Vec<Line>,
    /// What ends each.
    end: &'static str,
}

struct Line {
    old: String,
    /// None: it goes.
    new: Option<String>,
}

/// Neighbouring lines that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// In the old file, from 1.
    pub line: usize,
    pub old: Vec<String>,
    pub new: Vec<String>,
}

/// As a diff shows it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@@ line {} @@", self.line)?;
        self.old.iter().try_for_each(|line| write!(f, "\n-{line}"))?;
        self.new.iter().try_for_each(|line| write!(f, "\n+{line}"))
    }
}

impl Lines {
    pub fn read(yaml: &str) -> Result<Self, Problem> {
        let lines = yaml.lines().map(|line| Line { old: line.into(), new: Some(line.into()) });
        let end = if yaml.contains("\r\n") { "\r\n" } else { "\n" };
        Ok(Self { tree: yaml::parse(yaml)?, lines: lines.collect(), end })
    }

    pub fn text(&self) -> String {
        let kept: Vec<&str> = self.lines.iter().filter_map(|line| line.new.as_deref()).collect();
        let mut text = kept.join(self.end);
        if !text.is_empty() {
            text.push_str(self.end);
        }
        text
    }

    pub fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for (at, Line { old, new }) in self.lines.iter().enumerate() {
            if new.as_ref() == Some(old) {
                continue;
            }
            match changes.last_mut().filter(|change| change.line + change.old.len() == at + 1) {
                Some(change) => {
                    change.old.push(old.clone());
                    change.new.extend(new.clone());
                }
                None => changes.push(Change {
                    line: at + 1,
                    old: vec![old.clone()],
                    new: new.iter().cloned().collect(),
                }),
            }
        }
        changes
    }

    /// The text of `section.key`, or of `key` at the top.
    pub fn get(&self, path: &str) -> Option<&str> {
        match &self.node(path)?.shape {
            Shape::Scalar(text) => Some(text),
            _ => None,
        }
    }

    pub fn has(&self, path: &str) -> bool {
        self.node(path).is_some()
    }

    /// Takes a key out, with what is inside it and the comments that stand above it alone.
    pub fn remove(&mut self, path: &str) -> Result<(), Problem> {
        let Some(first) = self.line_of(path)? else { return Ok(()) };
        let indent = indent_of(&self.lines[first].old);
        let inside = |line: &str| line.trim().is_empty() || indent_of(line) > indent;
        let mut end = first + 1;
        while end < self.lines.len() && inside(&self.lines[end].old) {
            end += 1;
        }
        // Blank lines before the next key are its own.
        while self.lines[end - 1].old.trim().is_empty() {
            end -= 1;
        }
        let begin = self.begin(first);
        for line in &mut self.lines[begin..end] {
            line.new = None;
        }
        Ok(())
    }

    /// Where the comments begin that speak of the key in `first` alone: below another key, for those
    /// below a blank line or a section's name may speak of more.
    fn begin(&self, first: usize) -> usize {
        let indent = indent_of(&self.lines[first].old);
        let is_comment =
            |line: &Line| line.old.trim_start().starts_with('#') && indent_of(&line.old) == indent;
        let above = self.lines[..first].iter().rev().take_while(|line| is_comment(line)).count();
        match first.checked_sub(above + 1).map(|at| &self.lines[at].old) {
            Some(key) if !key.trim().is_empty() && indent_of(key) == indent => first - above,
            _ => first,
        }
    }

    /// Gives a key that is there another value; what stands behind it in its line stays.
    pub fn set(&mut self, path: &str, value: &str) -> Result<(), Problem> {
        let Some(at) = self.line_of(path)? else { return Ok(()) };
        let old = &self.lines[at].old;
        let (key, rest) = old.split_once(':').unwrap_or((old, ""));
        let comment = behind(rest).map_or(String::new(), |comment| format!(" {comment}"));
        self.lines[at].new = Some(format!("{key}: {value}{comment}"));
        Ok(())
    }

    fn node(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(&self.tree, |node, key| match &node.shape {
            Shape::Section(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            _ => None,
        })
    }

    /// The index of the line that begins with the key. An error where other keys share the line.
    fn line_of(&self, path: &str) -> Result<Option<usize>, Problem> {
        let Some(node) = self.node(path) else { return Ok(None) };
        let name = path.rsplit('.').next().unwrap_or(path);
        let at = usize::try_from(node.line).unwrap_or(0).wrapping_sub(1);
        let own = |line: &Line| {
            let text = line.old.trim_start();
            ["", "'", "\""].iter().any(|q| text.starts_with(&format!("{q}{name}{q}:")))
        };
        if self.lines.get(at).is_some_and(own) {
            return Ok(Some(at));
        }
        let message = format!(
            "{path} stands in one line with other keys: write each key on a line of its own, then \
             migrate again"
        );
        Err(Problem { line: Some(node.line), message })
    }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The comment behind a value.
fn behind(rest: &str) -> Option<&str> {
    let value = rest.trim_start();
    let after = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).map_or("", |(_, after)| after),
        _ => value,
    };
    after
        .find('#')
        .filter(|at| *at == 0 || after[..*at].ends_with([' ', '\t']))
        .map(|at| &after[at..])
}
