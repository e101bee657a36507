//! Reading keys out of the tree: each read names its key, so that what is left over is unknown.

use super::{
    problem::Problem,
    syntax::{Form, Unfit},
    unknown::{self, KnownKeys},
    yaml::{Node, Shape},
};

/// The problems and known keys found so far, over all sections.
#[derive(Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    known: KnownKeys,
    unknown: Vec<(u64, String)>,
    keys: Vec<Key>,
}

/// A key that can be written, as it is read.
pub(super) struct Key {
    /// With its section, as in `db.port`.
    pub path: String,
    pub form: Form,
    pub nullable: bool,
}

/// A text that is a value of no form but free text.
const NO_VALUE: &str = "\u{1}";

impl Findings {
    pub fn into_keys(self) -> Vec<Key> {
        self.keys
    }

    /// All problems in the order of the file. Called last, when every known key is known.
    pub fn into_problems(mut self) -> Vec<Problem> {
        for (line, path) in self.unknown {
            let message = unknown::message(&path, &self.known);
            self.problems.push(Problem { line: Some(line), message });
        }
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }

    fn report(&mut self, line: u64, message: String) {
        self.problems.push(Problem { line: Some(line), message });
    }
}

/// One mapping of the file (or the whole file), whose keys are taken out one by one.
pub(super) struct Section<'a> {
    /// What stands before a key in its full path: empty, or `db.` and the like.
    prefix: String,
    entries: Vec<(String, Node)>,
    findings: &'a mut Findings,
}

impl<'a> Section<'a> {
    /// Reads `node` with `read`, then takes what `read` did not ask for as unknown.
    pub fn read_all<T>(
        prefix: String,
        node: Option<Node>,
        findings: &'a mut Findings,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let entries = match node {
            None => Vec::new(),
            Some(Node { shape: Shape::Section(entries), .. }) => entries,
            Some(Node { line, shape }) => {
                let name = prefix.trim_end_matches('.');
                let subject = if name.is_empty() { "the file" } else { name };
                findings.report(line, wrong_shape(subject, "a section of keys", &shape));
                Vec::new()
            }
        };
        let mut section = Section { prefix, entries, findings };
        let value = read(&mut section);
        for (key, node) in section.entries {
            section.findings.unknown.push((node.line, format!("{}{key}", section.prefix)));
        }
        value
    }

    /// Reads the section under `key`, an empty one where the file has none.
    pub fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let node = self.take(key);
        let prefix = format!("{}{key}.", self.prefix);
        Section::read_all(prefix, node, self.findings, read)
    }

    /// The value under `key`; none where it is absent or, then reported, unfit. `parse` says what
    /// it expected.
    pub fn value<T, E: Into<Unfit>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let form = parse(NO_VALUE).map_or_else(|unfit| unfit.into().form, |_text| Form::Text);
        self.findings.keys.push(Key { path: self.path(key), form, nullable: false });
        let Node { line, shape } = self.take(key)?;
        let path = self.path(key);
        let message = match &shape {
            Shape::Scalar(text) => match parse(text) {
                Ok(value) => return Some(value),
                Err(unfit) => format!("{path} does not match the schema: {}", unfit.into()),
            },
            Shape::Null => format!(
                "{path} does not match the schema: it has no value; give it one, or remove the key"
            ),
            Shape::List(_) | Shape::Section(_) => wrong_shape(&path, "one value", &shape),
        };
        self.findings.report(line, message);
        None
    }

    /// The values in the list under `key`, without those that are reported as unfit; none where it is
    /// absent.
    pub fn list<T, E: Into<Unfit>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let item = parse(NO_VALUE).map_or_else(|unfit| unfit.into().form, |_text| Form::Text);
        let form = Form::List(Box::new(item));
        self.findings.keys.push(Key { path: self.path(key), form, nullable: false });
        let Some(Node { line, shape }) = self.take(key) else { return Vec::new() };
        let path = self.path(key);
        let Shape::List(items) = shape else {
            self.findings.report(line, wrong_shape(&path, "a list, as in [a, b]", &shape));
            return Vec::new();
        };
        let mut values = Vec::with_capacity(items.len());
        for Node { line, shape } in items {
            let message = match &shape {
                Shape::Scalar(text) => match parse(text) {
                    Ok(value) => {
                        values.push(value);
                        continue;
                    }
                    Err(unfit) => format!("{path} does not match the schema: {}", unfit.into()),
                },
                other => wrong_shape(&path, "a list of single values", other),
            };
            self.findings.report(line, message);
        }
        values
    }

    /// Like [`Section::value`], for a key whose `null` means none.
    pub fn nullable<T, E: Into<Unfit>>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let null = |(name, node): &(String, Node)| name == key && matches!(node.shape, Shape::Null);
        self.entries.retain(|entry| !null(entry));
        let value = self.value(key, parse);
        if let Some(last) = self.findings.keys.last_mut() {
            last.nullable = true;
        }
        value
    }

    /// Refuses `key`, which an older version had; `advice` says what to write instead.
    pub fn retired(&mut self, key: &str, advice: &str) {
        self.refuse(key, "of an older version", advice);
    }

    /// Refuses `key`, which the original's template has today.
    pub fn foreign(&mut self, key: &str, advice: &str) {
        self.refuse(key, "of the original's template", advice);
    }

    fn refuse(&mut self, key: &str, origin: &str, advice: &str) {
        if let Some(index) = self.entries.iter().position(|(name, _)| name == key) {
            let (_, node) = self.entries.remove(index);
            let path = self.path(key);
            let message = format!("unknown key '{path}', {origin}: {advice}");
            self.findings.report(node.line, message);
        }
    }

    /// Reports a problem of a key, which stays to be read.
    pub fn report(&mut self, key: &str, fault: &str) {
        let line = self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node.line);
        let message = format!("{} {fault}", self.path(key));
        self.findings.problems.push(Problem { line, message });
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// The text of a key that stays to be read.
    pub fn peek(&self, key: &str) -> Option<&str> {
        self.entries.iter().find_map(|(name, node)| match &node.shape {
            Shape::Scalar(text) if name == key => Some(text.as_str()),
            _ => None,
        })
    }

    fn take(&mut self, key: &str) -> Option<Node> {
        let path = self.path(key);
        self.findings.known.add(path);
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(index).1)
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

fn wrong_shape(subject: &str, expected: &str, found: &Shape) -> String {
    let found = match found {
        Shape::Null => "nothing",
        Shape::Scalar(_) => "one value",
        Shape::List(_) => "a list",
        Shape::Section(_) => "a section of keys",
    };
    format!("{subject} does not match the schema: expected {expected}, found {found}")
}

#[cfg(test)]
mod tests;
