/// Whether `text` only holds the place of a real value.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    ["PLACEHOLDER_", "CHANGE_ME", "CHANGEME"].iter().any(|start| text.starts_with(start))
        || text == "MISSING"
        || ["YOUR-UNIQUE-SUFFIX", "YOURORG"].iter().any(|word| text.contains(word))
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
            "tf-state-lablink-YOURORG-prod",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["", "secret", "MISSING2", "I-MISSING", "NO_PLACEHOLDER"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
