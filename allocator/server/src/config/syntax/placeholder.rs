/// Whether `text` only holds the place of a real value.
pub(in crate::config) fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    ["PLACEHOLDER_", "CHANGE_ME", "CHANGEME"].iter().any(|start| text.starts_with(start))
        || text == "MISSING"
        || text.contains("YOUR-UNIQUE-SUFFIX")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known_by_their_words() {
        for text in [
            "PLACEHOLDER_DB_PASSWORD",
            "CHANGE_ME",
            "CHANGEME_admin",
            "changeme",
            "MISSING",
            "tf-state-YOUR-UNIQUE-SUFFIX",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["", "secret", "MISSING2", "I-MISSING", "NO_PLACEHOLDER"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
