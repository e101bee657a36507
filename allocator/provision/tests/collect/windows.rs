//! What Windows would unpack, by its rules for the names of files.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

/// Fails unless Windows, and a Mac, would unpack all of these, each as a file of its own.
pub fn unpacks<'a>(names: impl Iterator<Item = &'a Vec<u8>>) {
    // What each place is taken by: a file or a folder, as it is written.
    let mut taken: HashMap<String, (String, bool)> = HashMap::new();
    for name in names {
        let name = std::str::from_utf8(name).expect("it is UTF-8");
        assert!(name.encode_utf16().count() <= 200, "too long: {name}");
        let parts: Vec<&str> = name.split('/').collect();
        for (index, part) in parts.iter().enumerate() {
            assert_fits(part, name);
            let (path, is_file) = (parts[..=index].join("/"), index + 1 == parts.len());
            let other = taken.insert(folded(&path), (path.clone(), is_file));
            if let Some(other) = other {
                assert!(other == (path, false), "{name}: its place is taken by {other:?}");
            }
        }
    }
}

fn assert_fits(part: &str, name: &str) {
    assert!(!part.is_empty() && part.len() <= 255, "{name}");
    let refused = |c: char| c < ' ' || r#"<>:"|?*\"#.contains(c);
    assert!(!part.contains(refused), "{name} holds what Windows refuses");
    assert!(!part.ends_with(['.', ' ']), "Windows would cut the end of {name}");
    let base = part.split('.').next().unwrap().trim_end().to_uppercase();
    let ports =
        ["COM", "LPT"].map(|port| "0123456789¹²³".chars().map(move |it| format!("{port}{it}")));
    let devices = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].map(str::to_owned);
    let is_device = devices.into_iter().chain(ports.into_iter().flatten()).any(|it| it == base);
    assert!(!is_device, "{name} is a device of Windows");
}

fn folded(path: &str) -> String {
    path.nfc().collect::<String>().to_lowercase()
}
