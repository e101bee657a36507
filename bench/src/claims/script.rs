//! The statement by which the allocator claims, as a script that pgbench can repeat.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::wish;
use crate::{
    allocator::Allocator,
    lab::{BenchLab, Statement},
};

/// As many people as it takes for each of the allocator's connections to have met the statement.
const WARM: u32 = 64;
/// A name that no other claim has.
const ANOTHER: &str = "(:client_id::text || '-' || :n::text)";

pub struct Script {
    path: PathBuf,
    /// How many statements the allocator has run for one claim.
    pub statements: usize,
}

impl Script {
    pub fn write(lab: &BenchLab, name: &str, statement: &str) -> Result<Self> {
        let path = lab.folder.path().join(format!("{name}.pgbench"));
        std::fs::write(&path, statement)?;
        Ok(Self { path, statements: 1 })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Two people claim. What differs between their statements must differ in each repetition; all other
/// values, whatever they are, are repeated.
pub async fn of_allocator(lab: &BenchLab, allocator: &Allocator) -> Result<Script> {
    lab.fill(WARM + 2).await?;
    let mut connection = allocator.connect().await?;
    for person in 0..WARM {
        connection.post("/api/request_vm", "", &wish(&format!("warm-{person}"))).await?.json()?;
    }
    let since = lab.record().await?;
    for person in ["ada", "bob"] {
        connection.post("/api/request_vm", "", &wish(person)).await?.json()?;
    }
    let said = lab.recorded(since).await?;
    let mut claims =
        said.iter().filter(|it| it.sql.contains("skip locked") && it.is_of("@example.org"));
    let ada = claims.next().context("the claim's statement is not in the server's log")?;
    let bob = claims.next_back().context("the second claim is not in the server's log")?;
    let types = lab.connect().await?.prepare(&ada.sql).await?;
    let values = ada.values.iter().zip(&bob.values).zip(types.params());
    let values: Vec<String> = values
        .map(|((ada, bob), kind)| {
            format!("{}::{}", value(ada.as_deref(), bob.as_deref()), kind.name())
        })
        .collect();
    let text = format!("\\set n random(1, 1000000000000)\n{};\n", filled(&ada.sql, &values));
    let sessions = [&ada.session, &bob.session];
    let statements = said.iter().filter(|it| sessions.contains(&&it.session)).count() / 2;
    Ok(Script { statements, ..Script::write(lab, "own", &text)? })
}

impl Statement {
    fn is_of(&self, person: &str) -> bool {
        self.values.iter().flatten().any(|value| value.contains(person))
    }
}

/// An expression for the text of a parameter, or of an array with one member, that was `ada` once
/// and `bob` the other time.
fn value(ada: Option<&str>, bob: Option<&str>) -> String {
    let Some(ada) = ada else { return "null".to_owned() };
    if bob == Some(ada) {
        return quoted(ada);
    }
    if let Some((before, after)) = ada.split_once("ada") {
        return format!("({} || {ANOTHER} || {})", quoted(before), quoted(after));
    }
    let Some((before, bytes)) = ada.split_once("\\x") else { return quoted(ada) };
    let after = bytes.trim_start_matches(|it: char| it.is_ascii_hexdigit());
    let digits = bytes.len() - after.len();
    let (before, after) = (quoted(&format!("{before}\\x")), quoted(after));
    let digest = format!("md5({ANOTHER}) || md5('2' || {ANOTHER})");
    format!("({before} || substring({digest} from 1 for {digits}) || {after})")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The statement with expressions for `$1`, `$2`, ….
fn filled(sql: &str, values: &[String]) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|it: char| it.is_ascii_digit()).len();
        let value = part[..digits].parse().ok().and_then(|nr: usize| values.get(nr - 1));
        match value {
            Some(value) => text += &format!("({value}){}", &part[digits..]),
            None => text += &format!("${part}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_two_digits_are_none_of_one() {
        let values: Vec<String> = (1..=12).map(|nr| format!("v{nr}")).collect();
        let sql = "select $1, $12::text, '$', $11$2";
        assert_eq!(filled(sql, &values), "select (v1), (v12)::text, '$', (v11)(v2)");
    }

    #[test]
    fn what_differs_between_two_people_differs_each_time() {
        assert_eq!(value(None, None), "null");
        assert_eq!(value(Some("it's"), Some("it's")), "'it''s'");
        assert_eq!(
            value(Some("{ada@example.org}"), Some("{bob@example.org}")),
            format!("('{{' || {ANOTHER} || '@example.org}}')")
        );
        let digest = format!("substring(md5({ANOTHER}) || md5('2' || {ANOTHER}) from 1 for 4)");
        let bytes = value(Some("\\x00ff"), Some("\\xff00"));
        assert_eq!(bytes, format!("('\\x' || {digest} || '')"));
        let bytes = value(Some("{\"\\\\x00ff\"}"), Some("{\"\\\\xff00\"}"));
        assert_eq!(bytes, format!("('{{\"\\\\x' || {digest} || '\"}}')"));
        assert_eq!(value(Some("123456"), Some("654321")), "'123456'");
    }
}
