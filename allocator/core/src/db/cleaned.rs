//! Parameters of statements, made fit to be stored and shown on their way to the server.

use std::{error::Error, ops::Range};

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::plain::{coloured, needs_cleaning, plain};

/// What stays in a text besides plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    Words,
    /// A terminal's colours as well.
    Colours,
}

/// A parameter whose texts are cleaned on their way to the server, of what Postgres refuses (NUL)
/// and what a terminal would obey: see [`plain`]. Other values pass as they are.
#[derive(Debug)]
pub(super) struct Cleaned<'a> {
    value: &'a (dyn ToSql + Sync),
    keeping: Keeping,
}

impl<'a> Cleaned<'a> {
    /// The parameters of a statement.
    pub fn each(parameters: &[&'a (dyn ToSql + Sync)], keeping: Keeping) -> Vec<Self> {
        parameters.iter().map(|value| Self { value: *value, keeping }).collect()
    }
}

type Refused = Box<dyn Error + Sync + Send>;

impl ToSql for Cleaned<'_> {
    fn to_sql(&self, r#type: &Type, out: &mut BytesMut) -> Result<IsNull, Refused> {
        let begin = out.len();
        let is_null = self.value.to_sql_checked(r#type, out)?;
        if let IsNull::No = is_null {
            clean(r#type, self.keeping, begin, out)?;
        }
        Ok(is_null)
    }

    /// The value itself says so, when it is written.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Cleans the value of this type that was written to `out` from `begin` on.
fn clean(r#type: &Type, keeping: Keeping, begin: usize, out: &mut BytesMut) -> Result<(), Refused> {
    match r#type.kind() {
        Kind::Array(member) if is_text(member) => clean_array(member, keeping, begin, out),
        Kind::Domain(base) => clean(base, keeping, begin, out),
        _ if is_text(r#type) => {
            if let Some(cleaned) = cleaned(r#type, keeping, &out[begin..])? {
                out.truncate(begin);
                out.put_slice(&cleaned);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_text(r#type: &Type) -> bool {
    matches!(
        *r#type,
        Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::JSON
            | Type::JSONB
    )
}

/// One value, cleaned. None: there is nothing to clean.
fn cleaned(r#type: &Type, keeping: Keeping, value: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
    match *r#type {
        Type::JSON => cleaned_json(value),
        Type::JSONB => {
            let (version, json) = value.split_first().ok_or("a JSON value without its version")?;
            Ok(cleaned_json(json)?.map(|json| [&[*version], &json[..]].concat()))
        }
        _ if !needs_cleaning(value) => Ok(None),
        _ => {
            let text = std::str::from_utf8(value)?;
            Ok(Some(match keeping {
                Keeping::Words => plain(text).into_owned().into_bytes(),
                Keeping::Colours => coloured(text).into_bytes(),
            }))
        }
    }
}

fn cleaned_json(json: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
    // What a JSON text escapes is found by its backslash.
    let escapes = json.windows(2).any(|it| matches!(it, b"\\u" | b"\\b" | b"\\f" | b"\\r"));
    if !escapes && !needs_cleaning(json) {
        return Ok(None);
    }
    let value = cleaned_value(serde_json::from_slice(json)?);
    Ok(Some(serde_json::to_vec(&value)?))
}

fn cleaned_value(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(plain(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(cleaned_value).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (plain(&key).into_owned(), cleaned_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_)) => value,
    }
}

/// An array as it is sent: its dimensions, then each member after its length, -1 for null.
fn clean_array(
    member: &Type,
    keeping: Keeping,
    begin: usize,
    out: &mut BytesMut,
) -> Result<(), Refused> {
    let mut changed: Option<Vec<u8>> = None;
    let array = &out[begin..];
    let head = 12 + 8 * usize::try_from(number(array, 0)?)?;
    let mut at = head;
    while at < array.len() {
        let range = member_at(array, at)?;
        if let Some(cleaned) = cleaned(member, keeping, &array[range.clone()])? {
            let so_far = changed.get_or_insert_with(|| array[..at].to_vec());
            so_far.extend(i32::try_from(cleaned.len())?.to_be_bytes());
            so_far.extend(cleaned);
        } else if let Some(so_far) = &mut changed {
            so_far.extend(&array[at..range.end]);
        }
        at = range.end;
    }
    if let Some(changed) = changed {
        out.truncate(begin);
        out.put_slice(&changed);
    }
    Ok(())
}

/// The range of the member whose length is at `at`. Empty for null.
fn member_at(array: &[u8], at: usize) -> Result<Range<usize>, Refused> {
    let length = usize::try_from(number(array, at)?).unwrap_or(0);
    let range = at + 4..at + 4 + length;
    if range.end > array.len() { Err("an array that ends too soon".into()) } else { Ok(range) }
}

fn number(array: &[u8], at: usize) -> Result<i32, Refused> {
    let bytes = array.get(at..at + 4).ok_or("an array that ends too soon")?;
    Ok(i32::from_be_bytes(bytes.try_into()?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is sent for a value, and what would be without cleaning.
    fn sent(r#type: &Type, keeping: Keeping, value: &(dyn ToSql + Sync)) -> (Vec<u8>, Vec<u8>) {
        let (mut ours, mut theirs) = (BytesMut::from("before"), BytesMut::from("before"));
        Cleaned { value, keeping }.to_sql_checked(r#type, &mut ours).unwrap();
        value.to_sql_checked(r#type, &mut theirs).unwrap();
        (ours.to_vec(), theirs.to_vec())
    }

    /// Sends the first as the second would be sent.
    fn assert_sent_as(r#type: &Type, said: &(dyn ToSql + Sync), as_if_said: &(dyn ToSql + Sync)) {
        let ours = sent(r#type, Keeping::Words, said).0;
        let (_, theirs) = sent(r#type, Keeping::Words, as_if_said);
        assert_eq!(ours, theirs, "{said:?}");
    }

    const SAID: &str = "a\0b \u{1b}[31mred\u{1b}[0m\u{7}\u{9b}2J\u{202e}\tc\nd";
    const STORED: &str = "ab red\tc\nd";

    #[test]
    fn every_form_of_a_text_is_cleaned() {
        for r#type in [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME] {
            assert_sent_as(&r#type, &SAID, &STORED);
            assert_sent_as(&r#type, &SAID.to_owned(), &STORED);
            assert_sent_as(&r#type, &Some(SAID), &STORED);
        }
        let said = [Some("ä"), None, Some(SAID), Some(""), Some("end\0")];
        let stored = [Some("ä"), None, Some(STORED), Some(""), Some("end")];
        assert_sent_as(&Type::TEXT_ARRAY, &&said[..], &&stored[..]);
        let none: [&str; 0] = [];
        assert_sent_as(&Type::TEXT_ARRAY, &&none[..], &&none[..]);
        let said = json!({ SAID: [SAID, 1, null, { "deep": SAID }], "\\u0000": "\\b" });
        let stored = json!({ STORED: [STORED, 1, null, { "deep": STORED }], "\\u0000": "\\b" });
        for r#type in [Type::JSON, Type::JSONB] {
            assert_sent_as(&r#type, &said, &stored);
        }
        let (said, stored): ([Value; 2], [Value; 2]) = ([json!(1), said], [json!(1), stored]);
        assert_sent_as(&Type::JSONB_ARRAY, &&said[..], &&stored[..]);
    }

    #[test]
    fn what_is_clean_or_no_text_is_sent_as_it_is() {
        let bytes: &[u8] = b"\0\x1b[31m";
        let clean: [(Type, &(dyn ToSql + Sync)); 6] = [
            (Type::TEXT, &"ä\n\t日本"),
            (Type::TEXT, &None::<String>),
            (Type::BYTEA, &bytes),
            (Type::INT8, &27_i64),
            (Type::INT4_ARRAY, &&[0, 27, 155][..]),
            (Type::TEXT_ARRAY, &&["a", "b"][..]),
        ];
        for (r#type, value) in clean {
            let (ours, theirs) = sent(&r#type, Keeping::Words, value);
            assert_eq!(ours, theirs, "{value:?}");
        }
    }

    #[test]
    fn a_log_keeps_its_colours_and_nothing_else() {
        let lines = [SAID];
        let (ours, _) = sent(&Type::TEXT_ARRAY, Keeping::Colours, &&lines[..]);
        let kept = ["ab \u{1b}[31mred\u{1b}[0m\tc\nd"];
        let (_, theirs) = sent(&Type::TEXT_ARRAY, Keeping::Colours, &&kept[..]);
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_as_ever() {
        let number = Cleaned { value: &1_i64, keeping: Keeping::Words };
        assert!(number.to_sql_checked(&Type::TEXT, &mut BytesMut::new()).is_err());
    }
}
