//! The file as a tree in which every scalar keeps the text that was written.
//!
//! The reader of a key knows its type, the file does not: a password `0123` or `1e10` must not
//! turn into a number on the way.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, UserMessageFormatter, options::NonFiniteFloatPolicy};

use super::problem::Problem;

/// One value of the file.
pub(super) struct Node {
    /// Counted from 1; the line of its key, where it has one.
    pub line: u64,
    pub shape: Shape,
}

pub(super) enum Shape {
    /// `null`, `~` or nothing at all.
    Null,
    Scalar(String),
    List(Vec<Node>),
    Section(Vec<(String, Node)>),
}

/// Reads one document. An empty one is [`Shape::Null`].
pub(super) fn parse(source: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        // A snippet of the file in the message could show a password.
        with_snippet: false,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    let tree: Spanned<Tree> =
        serde_saphyr::from_str_with_options(source, options).map_err(|error| problem(&error))?;
    Ok(node(tree, source))
}

fn problem(error: &serde_saphyr::Error) -> Problem {
    let message = error.render_with_formatter(&UserMessageFormatter);
    Problem::from(format!("the file can't be read as YAML: {message}"))
}

fn node(tree: Spanned<Tree>, source: &str) -> Node {
    let written = tree.defined.span();
    let shape = match tree.value {
        Tree::Null => Shape::Null,
        Tree::Text(text) => Shape::Scalar(text),
        Tree::Typed(value) => Shape::Scalar(slice(source, written).map_or(value, str::to_owned)),
        Tree::List(items) => {
            Shape::List(items.into_iter().map(|item| node(item, source)).collect())
        }
        Tree::Section(entries) => Shape::Section(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let line = key.referenced.line();
                    (key.value, Node { line, ..node(value, source) })
                })
                .collect(),
        ),
    };
    Node { line: tree.referenced.line(), shape }
}

fn slice(source: &str, span: serde_saphyr::Span) -> Option<&str> {
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    source.get(start..start.checked_add(length)?)
}

/// What the parser makes of a value before its text is looked up.
enum Tree {
    Null,
    Text(String),
    /// An unquoted number or truth value, in the parser's spelling.
    Typed(String),
    List(Vec<Spanned<Tree>>),
    Section(Vec<(Spanned<String>, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Typed(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Section(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> Vec<(String, u64, String)> {
        let Shape::Section(entries) = parse(source).unwrap().shape else { panic!("no section") };
        let text = |shape| match shape {
            Shape::Null => "(null)".to_owned(),
            Shape::Scalar(text) => text,
            Shape::List(_) => "(list)".to_owned(),
            Shape::Section(_) => "(section)".to_owned(),
        };
        entries.into_iter().map(|(key, node)| (key, node.line, text(node.shape))).collect()
    }

    #[test]
    fn scalars_keep_the_text_that_was_written() {
        for text in ["0123", "1e10", "1.10", "0x1F", "yes", "True", "-0", ".inf", "1_000", "1e999"]
        {
            let found = written(&format!("# ä comment\nkey: {text}  # note\n"));
            assert_eq!(found, [("key".to_owned(), 2, text.to_owned())]);
        }
    }

    #[test]
    fn quotes_are_not_part_of_the_text() {
        assert_eq!(written("key: \"a\\tb\"")[0].2, "a\tb");
        assert_eq!(written("key: '12'")[0].2, "12");
        assert_eq!(written("key: 'null'")[0].2, "null");
        assert_eq!(written("key: ''")[0].2, "");
    }

    #[test]
    fn anchors_are_followed() {
        assert_eq!(written("a: &x 0123\nb: *x\n")[1].2, "0123");
    }

    #[test]
    fn the_line_of_a_section_is_the_line_of_its_key() {
        let found = written("a: 1\n\nb:\n\n  c: 2\nd: [1, 2]\ne:\n");
        let lines: Vec<_> = found.iter().map(|(_, line, text)| (*line, text.as_str())).collect();
        assert_eq!(lines, [(1, "1"), (3, "(section)"), (6, "(list)"), (7, "(null)")]);
    }

    #[test]
    fn an_error_shows_the_place_and_nothing_of_the_file() {
        let error = parse("db:\n  password: hunter2\n bad: [\n").err().unwrap().to_string();
        assert!(error.contains("line"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = parse("a: 1\na: 2\n").err().unwrap().to_string();
        assert!(error.contains("duplicate"), "{error}");
    }
}
