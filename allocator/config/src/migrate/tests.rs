use std::{fs, path::PathBuf};

use super::*;
use crate::Written;

fn migrated(yaml: &str) -> Migration {
    migrate(yaml, None).unwrap()
}

fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/template/config")
}

#[test]
fn the_ten_files_of_the_template_are_valid_once_rewritten() {
    let mut names: Vec<PathBuf> =
        fs::read_dir(template()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    assert_eq!(names.len(), 10);
    for file in names {
        let before = fs::read_to_string(&file).unwrap();
        let told = Config::check(&before, Some(&file));
        let migration = migrated(&before);
        if let Err(problems) = migration.left(&file) {
            panic!("{}: {problems}\n{}", file.display(), migration.text);
        }
        match told {
            Ok(config) => {
                let text = config.without_effect().join("\n");
                assert_eq!(migration.changes.is_empty(), text.is_empty(), "{}", file.display());
            }
            Err(problems) => {
                assert!(!migration.changes.is_empty(), "{}: {problems}", file.display());
                for problem in problems.0 {
                    let says =
                        ["remove", "write"].iter().any(|word| problem.message.contains(word));
                    assert!(says, "{}: {problem}", file.display());
                }
            }
        }
        assert_eq!(migrated(&migration.text).changes, [], "{}", file.display());
        for path in Written::of(&migration.text).unwrap().paths() {
            assert!(Written::of(&before).unwrap().get(path).is_some(), "{path}");
        }
    }
}

#[test]
fn only_what_has_to_change_changes() {
    let yaml = "\
# Ours.
dns:
  # The name.
  enabled: true
  domain: \"example.org\" # the zone
  # How it was made.
  pattern: custom
  custom_subdomain: lab # ours

ssl:
  provider: letsencrypt
  email: 'a@b.org'
  staging: false
monitoring:
  # Alarms.
  enabled: true

  thresholds:
    a: 1

# The bucket.
bucket_name: abc-def
";
    let migration = migrated(yaml);
    let expected = "\
# Ours.
dns:
  # The name.
  enabled: true
  domain: \"lab.example.org\" # the zone

ssl:
  provider: letsencrypt
  email: 'a@b.org'

# The bucket.
bucket_name: abc-def
";
    assert_eq!(migration.text, expected);
    let lines: Vec<usize> = migration.changes.iter().map(|change| change.line).collect();
    assert_eq!(lines, [5, 13]);
    assert!(migration.changes[0].to_string().starts_with(
        "@@ line 5 @@\n-  domain: \"example.org\" # the zone\n-  # How it was made.\n-  pattern: "
    ));
    assert!(migration.notes[0].contains("alarm_topic_arn"), "{:?}", migration.notes);
}

#[test]
fn a_host_name_that_was_made_of_the_environment_asks_for_it() {
    let yaml = "dns:\n  enabled: true\n  pattern: auto\n  app_name: lab\n  domain: example.org\n";
    assert!(migrate(yaml, None).unwrap_err().message.contains("--environment"));
    let name = |environment: &str| {
        let migration = migrate(yaml, Some(&environment.parse().unwrap())).unwrap();
        Config::parse(&migration.text).unwrap().dns.domain
    };
    assert_eq!(name("test"), "test.lab.example.org");
    assert_eq!(name("prod"), "lab.example.org");
    let own = migrated(&format!("environment: ci-test\n{yaml}"));
    assert_eq!(Config::parse(&own.text).unwrap().dns.domain, "ci-test.lab.example.org");
    assert!(own.notes[0].contains("ENVIRONMENT=ci-test"), "{:?}", own.notes);
}

#[test]
fn what_served_plain_http_goes_on_so_and_says_it() {
    let migration = migrated("ssl:\n  provider: letsencrypt # TLS\n  staging: true\n");
    assert_eq!(migration.text, "ssl:\n  provider: \"none\" # TLS\n");
    assert!(migration.notes[0].contains("plain HTTP"), "{:?}", migration.notes);
}

#[test]
fn a_file_whose_lines_can_t_be_told_apart_is_left_alone() {
    let problem = migrate("db: {table_name: vms, port: 5432}\n", None).unwrap_err();
    assert_eq!(problem.line, Some(1));
    assert!(problem.message.starts_with("db.table_name stands in one line"), "{problem}");
}

#[test]
fn line_ends_and_values_that_look_like_comments_stay() {
    let yaml = "db:\r\n  table_name: vms\r\n  password: \"a # b\"\r\n";
    assert_eq!(migrated(yaml).text, "db:\r\n  password: \"a # b\"\r\n");
    let yaml = "dns:\n  domain: 'x.org'  # no\n  pattern: custom\n  custom_subdomain: \"\"\n";
    assert_eq!(migrated(yaml).text, "dns:\n  domain: 'x.org'  # no\n");
}

#[test]
fn the_command_shows_asks_and_writes_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let run = |yes: bool, dry_run: bool, answer: &str| {
        let args = command::Args { file: file.clone(), environment: None, yes, dry_run };
        let mut out = Vec::new();
        let code = command::run(&args, &mut answer.as_bytes(), &mut out).unwrap();
        (format!("{code:?}"), String::from_utf8(out).unwrap(), fs::read_to_string(&file).unwrap())
    };
    let (old, new) = ("db:\n  port: 5432\n  table_name: vms\n", "db:\n  port: 5432\n");
    let done = format!("{:?}", std::process::ExitCode::SUCCESS);
    fs::write(&file, old).unwrap();
    let (code, out, left) = run(false, false, "");
    assert!(code != done && out.contains("-  table_name: vms") && out.contains("Nothing"), "{out}");
    assert_eq!(left, old);
    assert_eq!(run(false, true, "").2, old);
    let (code, out, left) = run(false, false, "y\n");
    assert!(code == done && out.contains("was written"), "{out}");
    assert_eq!(left, new);
    assert!(run(true, false, "").1.contains("needs no change"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
