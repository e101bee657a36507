//! What the shipped `config/config.yaml` says of each key, in its comments, and the defaults that it
//! spells out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    section::Key,
    syntax::{Form, is_placeholder},
    written::Written,
};

const FILE: &str = include_str!("../../../config/config.yaml");

pub(super) struct Shipped {
    comments: BTreeMap<String, String>,
    values: Written,
}

impl Shipped {
    /// `keys`: all that can be written. One that is commented out in the file is known by them.
    pub fn read(keys: &[Key]) -> Self {
        Self { comments: comments(keys), values: Self::values() }
    }

    fn values() -> Written {
        Written::of(FILE).expect("a test reads it")
    }

    #[cfg(test)]
    pub fn paths() -> Vec<String> {
        Self::values().paths().map(str::to_owned).collect()
    }

    /// What the file says of a key or section.
    pub fn comment(&self, path: &str) -> Option<&str> {
        self.comments.get(path).map(String::as_str)
    }

    /// The default of a key, where the file spells it out.
    pub fn default(&self, key: &Key) -> Option<Value> {
        let text = self.values.get(&key.path).filter(|text| !is_placeholder(text))?;
        match key.form {
            Form::Text | Form::Word(_) => Some(json!(text)),
            Form::Boolean => text.parse::<bool>().ok().map(Value::from),
            Form::Number { .. } => text.parse::<u32>().ok().map(Value::from),
            Form::List(_) => None,
        }
    }
}

/// The comment lines above a key, and what stands behind it in its line.
fn comments(keys: &[Key]) -> BTreeMap<String, String> {
    let known = |path: &str| keys.iter().any(|key| key.path == path);
    let mut found = BTreeMap::new();
    let (mut above, mut section) = (Vec::new(), String::new());
    for line in FILE.lines() {
        let inside = line.starts_with(' ');
        let text = line.trim();
        let (code, behind) = match text.strip_prefix('#') {
            Some(comment) => (comment.trim(), ""),
            None => text.split_once(" # ").unwrap_or((text, "")),
        };
        let name = code.split_once(':').map_or("", |(name, _)| name);
        let path = if inside { format!("{section}.{name}") } else { name.to_owned() };
        if text.is_empty() {
            above.clear();
        } else if text.starts_with('#') && !known(&path) {
            above.push(code);
        } else if !name.is_empty() {
            above.push(behind.trim());
            let comment = above.join(" ").trim().to_owned();
            if !comment.is_empty() {
                found.insert(path, comment);
            }
            above.clear();
            if !inside && !text.starts_with('#') {
                name.clone_into(&mut section);
            }
        }
    }
    found
}
