//! The validator as deployments and people use it: the built program, on real files.

#![expect(clippy::unwrap_used, reason = "tests may; clippy sees only their functions as such")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use lablink_config::{Config, ProviderKind, validate_config};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lablink-allocator");

/// What one run of the program wrote, and how it ended.
struct Verdict {
    status: Option<i32>,
    out: String,
    log: String,
}

fn verdict(command: &mut Command) -> Verdict {
    let output = command.output().unwrap();
    Verdict {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        log: String::from_utf8(output.stderr).unwrap(),
    }
}

fn validate(path: &Path) -> Verdict {
    verdict(Command::new(PROGRAM).arg("validate-config").arg(path))
}

fn folder_with(yaml: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config").join("lablink.yaml");
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(&path, yaml).unwrap();
    (folder, path)
}

const SOUND: &str = "app: {admin_password: tq-57-rx-901, access_code: seven}\n";

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

#[test]
fn every_file_that_is_shipped_is_valid() {
    let files = [files_in(&shipped()), files_in(&shipped().join("examples"))].concat();
    for name in [
        "config.yaml",
        "dev.yaml",
        "examples/acm.yaml",
        "examples/ci-test.yaml",
        "examples/cloudflare.yaml",
        "examples/dev.yaml",
        "examples/ip-only.yaml",
        "examples/letsencrypt.yaml",
        "examples/letsencrypt-manual.yaml",
        "examples/prod.yaml",
        "examples/rds.yaml",
        "examples/test.yaml",
    ] {
        assert!(files.contains(&shipped().join(name)), "{name} is missing");
    }
    for file in files {
        if let Err(error) = Config::load(&file) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_shipped_file_spells_out_the_defaults() {
    let shipped = Config::load(&shipped().join("config.yaml")).unwrap();
    let mut default = Config::parse("").unwrap();
    // What the comments in the file except: secrets, the bucket, the section db itself, and the desktop,
    // whose default goes by whether there is a section machine.
    default.desktop = shipped.desktop;
    default.app.admin = shipped.app.admin.clone();
    default.bucket_name = shipped.bucket_name.clone();
    default.db = Config::parse("db: {}").unwrap().db;
    assert_eq!(format!("{shipped:#?}"), format!("{default:#?}"));
}

#[test]
fn the_file_of_make_run_starts_two_local_vms_and_stops_them() {
    let config = Config::load(&shipped().join("dev.yaml")).unwrap();
    assert_eq!(config.provider, ProviderKind::Local);
    assert_eq!(config.local.warm, 2);
    assert!(config.local.stop_with_allocator);
    assert!(config.db.is_none());
}

#[test]
fn a_sound_file_of_any_name_passes_in_one_line() {
    let (_folder, path) = folder_with(SOUND);
    let verdict = validate(&path);
    assert_eq!(verdict.status, Some(0));
    assert_eq!(verdict.out, "[PASS] Config validation passed\n");
    assert_eq!(verdict.log, "");
}

#[test]
fn placeholders_pass_with_a_warning() {
    let verdict = validate(&shipped().join("config.yaml"));
    assert_eq!(verdict.status, Some(0));
    assert_eq!(verdict.out, "[PASS] Config validation passed\n");
    for key in ["app.admin_password", "db.password", "bucket_name"] {
        assert!(verdict.log.contains(&format!("[WARN] {key} is a placeholder")), "{}", verdict.log);
    }
}

#[test]
fn all_faults_of_a_file_fail_in_one_block() {
    let (_folder, path) = folder_with("db: {pasword: x, port: many}\nssl: {provider: acm}\n");
    let verdict = validate(&path);
    assert_eq!(verdict.status, Some(1));
    let expected = format!(
        "[FAIL] Config validation failed: {}\n  \
         - line 1: db.port does not match the schema: expected a port number from 1 to 65535, \
         found 'many'\n  \
         - line 1: unknown key 'db.pasword': did you mean 'db.password'?\n  \
         - SSL requires DNS: ssl.provider is acm, so set dns.enabled: true and dns.domain, or \
         ssl.provider: none\n  \
         - ACM provider requires certificate_arn: set ssl.certificate_arn to the certificate's \
         ARN\n",
        path.display()
    );
    assert_eq!(verdict.out, expected);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let verdict = validate(Path::new("/nowhere/config.yaml"));
    assert_eq!(verdict.status, Some(1));
    assert_eq!(verdict.out, "[FAIL] Config file not found: /nowhere/config.yaml\n");
}

#[test]
fn a_folder_is_not_a_file() {
    let folder = TempDir::new().unwrap();
    let verdict = validate(folder.path());
    assert_eq!(verdict.status, Some(1));
    let expected = format!("[FAIL] Config path is not a file: {}\n", folder.path().display());
    assert_eq!(verdict.out, expected);
}

#[test]
fn what_is_not_yaml_fails_without_showing_the_file() {
    let (_folder, path) = folder_with("app:\n  admin_password: hunter2\n bad: [\n");
    let verdict = validate(&path);
    assert_eq!(verdict.status, Some(1));
    assert!(verdict.out.contains("the file can't be read as YAML"), "{}", verdict.out);
    assert!(!verdict.out.contains("hunter2"), "{}", verdict.out);
}

#[test]
fn what_is_not_text_fails() {
    let (_folder, path) = folder_with("");
    fs::write(&path, b"app: \xff\xfe").unwrap();
    let verdict = validate(&path);
    assert_eq!(verdict.status, Some(1));
    assert!(verdict.out.contains("make it a UTF-8 file"), "{}", verdict.out);
}

#[test]
fn a_startup_script_must_exist() {
    let yaml = format!("{SOUND}startup_script: {{enabled: true, path: scripts/start.sh}}\n");
    let (folder, path) = folder_with(&yaml);
    let missing = validate(&path);
    assert_eq!(missing.status, Some(1));
    assert!(missing.out.contains("'scripts/start.sh' does not exist"), "{}", missing.out);

    let script = folder.path().join("scripts/start.sh");
    fs::create_dir(folder.path().join("scripts")).unwrap();
    fs::write(&script, "echo hello\n").unwrap();
    assert_eq!(validate(&path).status, Some(0));
    assert_eq!(Config::load(&path).unwrap().startup_script.find(&path), Some(script.clone()));

    fs::write(&script, "#!/bin/bash\nif true; then\n").unwrap();
    let broken = validate(&path);
    assert_eq!(broken.status, Some(1));
    assert!(
        broken.out.contains("'scripts/start.sh' is no sound script for bash: line 3"),
        "{}",
        broken.out
    );
}

#[test]
fn a_deployment_may_put_the_script_beside_its_configuration() {
    let yaml = format!("{SOUND}startup_script: {{enabled: true, path: scripts/start.sh}}\n");
    let (folder, path) = folder_with(&yaml);
    fs::write(folder.path().join("config/custom-startup.sh"), "echo hello\n").unwrap();
    assert_eq!(validate(&path).status, Some(0));
}

#[test]
fn the_program_answers_to_the_name_of_the_validator() {
    let (folder, path) = folder_with(SOUND);
    let validator = folder.path().join(validate_config::NAME);
    symlink(PROGRAM, &validator).unwrap();
    let passed = verdict(Command::new(&validator).arg(&path));
    assert_eq!(
        (passed.status, passed.out.as_str()),
        (Some(0), "[PASS] Config validation passed\n")
    );

    let verbose = verdict(Command::new(&validator).arg("--verbose").arg(&path));
    assert_eq!(verbose.out, passed.out);
    assert!(verbose.log.contains("[INFO] provider aws, dns off, ssl none"), "{}", verbose.log);

    assert_eq!(verdict(Command::new(&validator).arg("--colour")).status, Some(2));
    assert_eq!(verdict(Command::new(&validator).arg("-h")).status, Some(0));
}

#[test]
fn without_a_path_the_file_beneath_the_current_folder_is_checked() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/config.yaml"), SOUND).unwrap();
    let mut command = Command::new(PROGRAM);
    assert_eq!(verdict(command.arg("validate-config").current_dir(folder.path())).status, Some(0));
}

#[test]
fn what_prod_alone_refuses_is_told_where_prod_is_meant() {
    let (_folder, path) = folder_with(SOUND);
    let prod = verdict(
        Command::new(PROGRAM).args(["validate-config", "--environment", "prod"]).arg(&path),
    );
    assert_eq!(prod.status, Some(1));
    assert!(prod.out.contains("ssl.plain_http: true"), "{}", prod.out);
    let (_folder, wanted) = folder_with(&format!("{SOUND}ssl: {{plain_http: true}}\n"));
    let mut command = Command::new(PROGRAM);
    command.args(["validate-config", "--environment", "prod"]).arg(&wanted);
    assert_eq!(verdict(&mut command).status, Some(0));
}

#[test]
fn a_workflow_gets_annotations_beside_the_verdict() {
    let (_folder, path) = folder_with("db:\n  pasword: x\n");
    let told =
        verdict(Command::new(PROGRAM).args(["validate-config", "--format", "github"]).arg(&path));
    assert_eq!(told.status, Some(1));
    let annotation = format!("::error file={},line=2::unknown key 'db.pasword'", path.display());
    assert!(told.out.starts_with(&annotation), "{}", told.out);
    assert!(told.out.contains("[FAIL] Config validation failed"), "{}", told.out);
}

#[test]
fn settings_that_are_not_fit_end_with_a_status_of_their_own() {
    let (folder, path) = folder_with("limits: {max_vms: none}\n");
    let mut serve = Command::new(PROGRAM);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&path);
    let refused = verdict(serve.env("LABLINK_DATA_DIR", folder.path()));
    assert_eq!(refused.status, Some(78));
    assert!(refused.log.contains("limits.max_vms"), "{}", refused.log);
}
