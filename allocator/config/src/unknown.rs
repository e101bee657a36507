//! The message about a key that nothing reads.

/// Full paths of all keys that can be written, sections among them.
#[derive(Default)]
pub(super) struct KnownKeys(Vec<String>);

/// The least likeness (0 to 1) for a suggestion. Below it, one would puzzle more than help.
const ALIKE: f64 = 0.6;

impl KnownKeys {
    pub fn add(&mut self, path: String) {
        self.0.push(path);
    }

    /// The known key that `path` most likely meant. A key of the same section wins over one of the
    /// same name in another section.
    fn nearest(&self, path: &str) -> Option<&str> {
        let (section, key) = split(path);
        let score = |known: &str| {
            let (known_section, known_key) = split(known);
            let likeness = strsim::normalized_damerau_levenshtein(key, known_key);
            let bonus = if known_section == section { 0.15 } else { 0.0 };
            (likeness, likeness + bonus)
        };
        self.0
            .iter()
            .map(|known| (score(known), known.as_str()))
            .filter(|((likeness, _), _)| *likeness >= ALIKE)
            .max_by(|((_, a), _), ((_, b), _)| a.total_cmp(b))
            .map(|(_, known)| known)
    }

    fn beside(&self, path: &str) -> Vec<&str> {
        let (section, _) = split(path);
        self.0
            .iter()
            .map(|known| split(known))
            .filter(|known| known.0 == section)
            .map(|k| k.1)
            .collect()
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

pub(super) fn message(path: &str, known: &KnownKeys) -> String {
    match known.nearest(path) {
        Some(nearest) => format!("unknown key '{path}': did you mean '{nearest}'?"),
        None => format!("unknown key '{path}': known here are {}", known.beside(path).join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    fn problem(yaml: &str) -> String {
        Config::parse(yaml).unwrap_err().to_string()
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_path_and_the_nearest_key() {
        let table = [
            ("db:\n  pasword: x", "line 2: unknown key 'db.pasword': did you mean 'db.password'?"),
            (
                "ssl: {certificateArn: x}",
                "'ssl.certificateArn': did you mean 'ssl.certificate_arn'?",
            ),
            ("\nprovder: aws", "line 2: unknown key 'provder': did you mean 'provider'?"),
            ("Bucket_Name: abc", "unknown key 'Bucket_Name': did you mean 'bucket_name'?"),
            ("helth: {}", "unknown key 'helth': did you mean 'health'?"),
        ];
        for (yaml, expected) in table {
            let found = problem(yaml);
            assert!(found.contains(expected), "{yaml}: {found}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_section_is_sent_to_the_right_one() {
        assert!(problem("domain: x.org").contains("did you mean 'dns.domain'?"));
        assert!(problem("machine: {region: us-west-2}").contains("did you mean 'app.region'?"));
        // Both sections have an `email` or a `provider`: the key beside the unknown one wins.
        assert!(problem("ssl: {provide: none}").contains("did you mean 'ssl.provider'?"));
    }

    #[test]
    fn a_key_like_no_other_gets_the_list_of_its_section() {
        assert_eq!(
            problem("eip:\n  colour: red"),
            "  - line 2: unknown key 'eip.colour': known here are strategy, tag_name"
        );
    }

    #[test]
    fn all_unknown_keys_are_told_at_once_in_the_order_of_the_file() {
        let found = problem("zzz: 1\ndb:\n  yyy: 2\n  port: no\nxxx: {a: 1}\n");
        let lines: Vec<&str> = found.lines().map(|line| &line[..11]).collect();
        assert_eq!(lines, ["  - line 1:", "  - line 3:", "  - line 4:", "  - line 5:"]);
    }
}
