use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use lablink_protocol::organisers::{
    ClaimList, ClaimRecordBody, StartBody, StartList, UsageList, UsageSample,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    output::{Form, Output},
    server::{Connection, Server, asking},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink export claims > claims.csv
  lablink export use --format json --file use.json")]
pub struct Export {
    what: What,
    /// CSV, unless --json is given.
    #[arg(long)]
    format: Option<Format>,
    /// Into this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Every claim that ever was: who had which VM, from when to when.
    Claims,
    /// How the newest hundred VMs came up.
    Starts,
    /// How many VMs were claimed and in use, each quarter of an hour of the last week.
    Use,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

impl Export {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        let usual = if output.form() == Form::Json { Format::Json } else { Format::Csv };
        let format = self.format.unwrap_or(usual);
        let exported = match self.what {
            What::Claims => written(format, &claims(&server).await?),
            What::Starts => {
                written::<StartBody>(format, &server.get::<StartList>("/api/starts").await?.starts)
            }
            What::Use => {
                let list: UsageList = server.get("/api/usage").await?;
                written::<UsageSample>(format, &list.samples)
            }
        }?;
        match &self.file {
            None => Ok(io::stdout().lock().write_all(&exported)?),
            Some(file) => File::create(file)
                .and_then(|mut file| file.write_all(&exported))
                .with_context(|| format!("can't write {}", file.display())),
        }
    }
}

async fn claims(server: &Server) -> Result<Vec<ClaimRecordBody>> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page: ClaimList =
            server.get(&asking("/api/claims", &[("before", before.as_deref())])).await?;
        found.extend(page.claims);
        match page.next {
            Some(next) => before = Some(next.to_string()),
            None => return Ok(found),
        }
    }
}

fn written<T: Serialize>(format: Format, rows: &[T]) -> Result<Vec<u8>> {
    if format == Format::Json {
        let mut text = serde_json::to_vec_pretty(rows)?;
        text.push(b'\n');
        return Ok(text);
    }
    let mut table = csv::Writer::from_writer(Vec::new());
    for (nth, row) in rows.iter().enumerate() {
        let Value::Object(fields) = serde_json::to_value(row)? else { continue };
        if nth == 0 {
            table.write_record(fields.keys())?;
        }
        table.write_record(fields.values().map(cell))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// What a spreadsheet takes for a formula becomes a text.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_heading_and_no_formulas() {
        let rows = [json!({ "a": "=1+1", "b": null }), json!({ "a": "x,\"y\"", "b": -2 })];
        let table = String::from_utf8(written(Format::Csv, &rows).unwrap()).unwrap();
        assert_eq!(table, "a,b\n'=1+1,\n\"x,\"\"y\"\"\",-2\n");
        let list = written(Format::Json, &rows).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&list).unwrap(), json!(rows));
    }
}
