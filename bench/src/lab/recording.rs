//! What the allocator says to the database, as the server's own log has it.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Result;

use super::BenchLab;

/// How long a session may take to read new settings, or to write its lines.
const MOMENT: Duration = Duration::from_millis(300);

/// A statement that was run, with the values of `$1`, `$2`, …; none for null.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub session: String,
    pub sql: String,
    pub values: Vec<Option<String>>,
}

impl BenchLab {
    /// Has the server write down all statements from now on. Answers where in its log.
    pub async fn record(&self) -> Result<usize> {
        self.log_statements("0").await?;
        Ok(fs::read(self.log())?.len())
    }

    /// The statements since then, in their order; nothing is written down any more.
    pub async fn recorded(&self, since: usize) -> Result<Vec<Statement>> {
        tokio::time::sleep(MOMENT).await;
        self.log_statements("-1").await?;
        let log = fs::read(self.log())?;
        Ok(statements(&String::from_utf8_lossy(&log[since..])))
    }

    async fn log_statements(&self, longer_than: &str) -> Result<()> {
        let superuser = self.superuser().await?;
        let sql = format!("alter system set log_min_duration_statement = {longer_than}");
        superuser.batch_execute(&sql).await?;
        superuser.batch_execute("select pg_reload_conf()").await?;
        // The server reads them first, and tells its sessions then.
        let show = "select setting from pg_settings where name = 'log_min_duration_statement'";
        while self.superuser().await?.query_one(show, &[]).await?.get::<_, &str>(0) != longer_than {
            tokio::time::sleep(MOMENT / 10).await;
        }
        tokio::time::sleep(MOMENT).await;
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }
}

/// Entries begin with their time and `[pid]`; their further lines begin with a tab.
fn statements(log: &str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for entry in log.replace("\n\t", "\u{1}").lines() {
        let entry = entry.replace('\u{1}', "\n");
        let session = entry.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
        if let Some((_, sql)) = executed(&entry) {
            found.push(Statement { session, sql: sql.to_owned(), values: Vec::new() });
        } else if let Some((_, values)) = entry.split_once("arameters: ")
            && entry.contains("DETAIL:  ")
            && let Some(last) = found.iter_mut().rfind(|it| it.session == session)
        {
            last.values = parameters(values);
        }
    }
    found
}

/// `LOG:  duration: 0.1 ms  execute s1: …` of a prepared statement, or `statement: …` of a plain
/// one. To prepare and to bind are no statements of their own.
fn executed(entry: &str) -> Option<(&str, &str)> {
    let (_, text) = entry.split_once("LOG:  duration: ")?;
    let (_, text) = text.split_once(" ms  ")?;
    let (how, sql) = text.split_once(": ")?;
    (how == "statement" || how.starts_with("execute ")).then_some((how, sql))
}

/// `$1 = 'it''s', $2 = NULL`
fn parameters(text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, value)) = rest.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            values.push(None);
            rest = value;
            continue;
        };
        let mut text = String::new();
        let mut left = quoted.chars();
        while let Some(letter) = left.next() {
            if letter == '\'' {
                if !left.as_str().starts_with('\'') {
                    break;
                }
                left.next();
            }
            text.push(letter);
        }
        values.push(Some(text));
        rest = left.as_str();
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read_from_the_log_with_their_values() {
        let log = "2026-11-26 19:00:00.000 UTC [71] LOG:  duration: 0.011 ms  parse s1: select $1\n\
                   2026-11-26 19:00:00.000 UTC [71] LOG:  duration: 0.125 ms  execute s1: select $1,\n\
                   \t       $2 -- [a]\n\
                   2026-11-26 19:00:00.000 UTC [72] LOG:  duration: 0.3 ms  statement: commit\n\
                   2026-11-26 19:00:00.000 UTC [71] DETAIL:  parameters: $1 = 'it''s, $2 = ''x''', \
                   $2 = NULL, $3 = '\\x00ff'\n\
                   2026-11-26 19:00:00.000 UTC [71] LOG:  checkpoint starting: time\n";
        let values = vec![Some("it's, $2 = 'x'".to_owned()), None, Some("\\x00ff".to_owned())];
        let (first, second) = ("71".to_owned(), "72".to_owned());
        let sql = "select $1,\n       $2 -- [a]".to_owned();
        let expected = [
            Statement { session: first, sql, values },
            Statement { session: second, sql: "commit".to_owned(), values: Vec::new() },
        ];
        assert_eq!(statements(log), expected);
    }
}
