//! A JSON Schema of the file, for editors: keys and forms as the reading code asks for them, words
//! and defaults from the file that is shipped.

use serde_json::{Map, Value, json};

use super::{
    Config,
    section::{Findings, Key, Section},
    shipped::Shipped,
    syntax::Form,
};

impl Config {
    /// The schema (draft 2020-12) of a configuration.
    pub fn json_schema() -> Value {
        let keys = keys();
        let shipped = Shipped::read(&keys);
        let mut file = object(None);
        for key in &keys {
            let parent = match key.path.rsplit_once('.') {
                Some((section, _)) => properties(&mut file)
                    .entry(section)
                    .or_insert_with(|| object(shipped.comment(section))),
                None => &mut file,
            };
            let name = key.path.rsplit('.').next().unwrap_or_default().to_owned();
            properties(parent).insert(name, value(key, &shipped));
        }
        file["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        file["title"] = json!("LabLink's configuration");
        file
    }
}

/// Every key that is read, in the order in which it is.
fn keys() -> Vec<Key> {
    let mut findings = Findings::default();
    Section::read_all(String::new(), None, &mut findings, Config::read);
    findings.into_keys()
}

fn object(description: Option<&str>) -> Value {
    let mut object = json!({"type": "object", "properties": {}, "additionalProperties": false});
    if let Some(text) = description {
        object["description"] = json!(text);
    }
    object
}

fn properties(object: &mut Value) -> &mut Map<String, Value> {
    object["properties"].as_object_mut().expect("made by `object`")
}

fn value(key: &Key, shipped: &Shipped) -> Value {
    let mut value = of_form(&key.form);
    if key.nullable
        && let Some(types) = value["type"].as_array_mut()
    {
        types.push(json!("null"));
    }
    if let Some(text) = shipped.comment(&key.path) {
        value["description"] = json!(text);
    }
    if let Some(default) = shipped.default(key) {
        value["default"] = default;
    }
    value
}

fn of_form(form: &Form) -> Value {
    match form {
        // A password of digits alone is a text all the same.
        Form::Text => json!({"type": ["string", "number", "boolean"]}),
        Form::Boolean => json!({"type": ["boolean"]}),
        Form::Number { least, most: u32::MAX } => json!({"type": ["integer"], "minimum": least}),
        Form::Number { least, most } => {
            json!({"type": ["integer"], "minimum": least, "maximum": most})
        }
        Form::Word(words) => json!({"type": ["string"], "enum": words}),
        Form::List(item) => json!({"type": ["array"], "items": of_form(item)}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Value {
        let pointer = format!("/properties/{}", path.replace('.', "/properties/"));
        Config::json_schema().pointer(&pointer).unwrap_or_else(|| panic!("no {path}")).clone()
    }

    #[test]
    fn a_key_has_the_form_and_the_default_that_the_reading_code_has() {
        assert_eq!(of("db.port")["type"], json!(["integer"]));
        assert_eq!(
            (&of("db.port")["maximum"], &of("db.port")["default"]),
            (&json!(65535), &json!(5432))
        );
        assert_eq!(of("ssl.provider")["enum"], json!(["none", "letsencrypt", "cloudflare", "acm"]));
        assert_eq!(of("dns.enabled")["type"], json!(["boolean"]));
        assert_eq!(of("dns.enabled")["default"], json!(false));
        assert_eq!(
            of("machine.repository")["type"],
            json!(["string", "number", "boolean", "null"])
        );
        assert_eq!(of("startup_script.attempts")["maximum"], json!(10));
        let zones = of("machine.zones");
        assert_eq!(
            (&zones["type"], &zones["items"]["type"][0]),
            (&json!(["array"]), &json!("string"))
        );
        assert_eq!(of("health.stale_after")["default"], json!("60s"));
        assert_eq!(of("db")["additionalProperties"], json!(false));
    }

    #[test]
    fn a_key_is_described_as_the_shipped_file_describes_it() {
        let told = |path| of(path)["description"].as_str().unwrap_or_default().to_owned();
        assert!(told("provider").starts_with("Where VMs come from"), "{}", told("provider"));
        assert!(told("ssl").starts_with("Who ends TLS"), "{}", told("ssl"));
        assert!(told("ssl.certificate_arn").starts_with("for acm"));
        assert!(
            told("deployment_name").contains("Fixed after the first VM"),
            "it is commented out"
        );
    }

    #[test]
    fn a_secret_or_a_placeholder_is_no_default() {
        let text = Config::json_schema().to_string();
        assert!(!text.contains("PLACEHOLDER_DB") && !text.contains("YOUR-UNIQUE"), "{text}");
    }

    #[test]
    fn every_key_of_the_shipped_file_is_there() {
        let known: Vec<String> = keys().into_iter().map(|key| key.path).collect();
        for path in Shipped::paths() {
            assert!(known.contains(&path), "{path}");
        }
    }
}
