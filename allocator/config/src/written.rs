use std::{collections::BTreeMap, fmt};

use super::{
    problem::Problem,
    yaml::{self, Node, Shape},
};

/// What a file says, key by key, as it was written; of a list, its single values. Values may be secrets: none is ever shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Written(BTreeMap<String, String>);

impl Written {
    /// Reads a file without judging it. Fails where it is no YAML.
    pub fn of(yaml: &str) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        collect(yaml::parse(yaml)?, String::new(), &mut values);
        Ok(Self(values))
    }

    /// The text of a key, as in `db.port`.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The keys that one of the two has and the other has not, or has otherwise; in order.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut paths: Vec<&String> = self.0.keys().chain(other.0.keys()).collect();
        paths.sort();
        paths.dedup();
        paths.into_iter().filter(|path| self.0.get(*path) != other.0.get(*path)).cloned().collect()
    }
}

fn collect(node: Node, path: String, values: &mut BTreeMap<String, String>) {
    match node.shape {
        Shape::Section(entries) => {
            for (key, node) in entries {
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                collect(node, path, values);
            }
        }
        Shape::Scalar(text) => {
            values.insert(path, text);
        }
        Shape::List(items) => {
            let texts = items.into_iter().map(|item| match item.shape {
                Shape::Scalar(text) => text,
                _ => String::new(),
            });
            values.insert(path, texts.collect::<Vec<_>>().join(", "));
        }
        Shape::Null => {}
    }
}

/// Keys alone.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
