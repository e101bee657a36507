use utoipa::openapi::{ObjectBuilder, Type};

/// A field of the `OpenAPI` document that takes one of some words, or an empty text.
pub(crate) fn one_of_or_empty(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    let words: Vec<&str> = words.into_iter().collect();
    let pattern = format!("^({})?$", words.join("|"));
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// A sentence that says how to write a field that takes one of some words.
pub(crate) fn write_one_of(field: &str, words: impl IntoIterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.as_slice() {
        [first @ .., last] if !first.is_empty() => {
            format!("{field}: write {} or {last}.", first.join(", "))
        }
        words => format!("{field}: write {}.", words.join("")),
    }
}

#[cfg(test)]
mod tests {
    use super::write_one_of;

    #[test]
    fn words_are_listed_as_people_do() {
        assert_eq!(write_one_of("state", ["a", "b", "c"]), "state: write a, b or c.");
        assert_eq!(write_one_of("state", ["a"]), "state: write a.");
    }
}
