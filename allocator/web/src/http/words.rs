/// How a field is to be written that takes one of some words, as a sentence.
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
