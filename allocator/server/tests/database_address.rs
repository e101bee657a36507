//! What the built program says of a database that it can't be told.

#![expect(clippy::unwrap_used, reason = "tests may; clippy sees only their functions as such")]

use std::{fs, process::Command};

use tempfile::TempDir;

/// What `migrate` says when it fails.
fn complaint(config: &str, database_url: &str) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lablink.yaml");
    fs::write(&file, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lablink-allocator"))
        .arg("migrate")
        .arg("--config")
        .arg(file)
        .arg("--data-dir")
        .arg(folder.path())
        .env_remove("LABLINK_EMBEDDED_POSTGRES")
        .env("DATABASE_URL", database_url)
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_wrong_address_is_told_with_its_reason_and_without_its_password() {
    let table = [
        ("postgresql://ada:hunter2@db/class?sslmode=full", "sslmode 'full' is unknown: write"),
        ("postgresql://ada:hunter2@db/class?sslmode=verify-ca", "sslrootcert is missing"),
        (
            "postgresql://ada:hunter2@db/class?sslmode=verify-full&sslrootcert=/nowhere.pem",
            "sslrootcert: /nowhere.pem holds no certificate that can be read",
        ),
        ("ada:hunter2@db", "this is no PostgreSQL address: write postgresql://"),
    ];
    for (url, reason) in table {
        let said = complaint("provider: local", url);
        assert!(said.contains("DATABASE_URL can't be used"), "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_wrong_section_is_told_with_its_reason() {
    let authorities = "db: {sslmode: verify-full, sslrootcert: /nowhere.pem}";
    let said = complaint(authorities, "");
    assert!(said.contains("the section db can't be used"), "{said}");
    assert!(said.contains("sslrootcert: /nowhere.pem holds no certificate"), "{said}");
    let said = complaint("db: {sslmode: full}", "");
    assert!(
        said.contains("db.sslmode does not match the schema: expected one of disable"),
        "{said}"
    );
}
