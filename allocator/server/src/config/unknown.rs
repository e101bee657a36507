//! What to say about a key that nothing reads.

/// Full paths of all keys that can be written, sections among them.
#[derive(Default)]
pub(super) struct KnownKeys(Vec<String>);

/// Below this likeness (0 to 1) a suggestion would puzzle more than help.
const ALIKE: f64 = 0.6;

impl KnownKeys {
    pub fn add(&mut self, path: String) {
        self.0.push(path);
    }

    /// The known key that was most likely meant by `path`. A key beside it wins over one of the
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
