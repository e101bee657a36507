//! What one claim costs the database, by what the server wrote into its log of changes (WAL).

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::{
    crowd::Crowd,
    pgbench::Pgbench,
    script::Script,
    smallest::{self, FREE},
};
use crate::{allocator::Allocator, lab::BenchLab, report::Report};

const CLAIMS: u32 = 1_000;

/// Counts of a claim, in the order of [`HEADING`].
struct Cost([f64; 7]);

const HEADING: [&str; 9] = [
    "one claim",
    "round trips",
    "commits",
    "rows inserted",
    "rows updated",
    "of these, in no index (HOT)",
    "rows locked",
    "index entries",
    "WAL",
];

pub async fn measure(
    lab: &BenchLab,
    allocator: &Allocator,
    (smallest, own): (&Script, &Script),
    report: &mut Report,
) -> Result<()> {
    let superuser = lab.superuser().await?;
    let missing = "pg_walinspect is missing: it comes with Debian's package postgresql";
    superuser
        .batch_execute("create extension if not exists pg_walinspect")
        .await
        .context(missing)?;

    let mut over_http = Vec::new();
    for at_once in [1, 64] {
        lab.fill(FREE).await?;
        let before = written(&superuser).await?;
        let claims = Crowd::of(at_once, CLAIMS).claim(allocator).await?.claims();
        over_http.push((at_once, Cost::since(&superuser, &before, claims).await?));
    }

    smallest::fill(lab, FREE).await?;
    let before = written(&superuser).await?;
    Pgbench { lab, script: smallest, connections: 1, transactions: CLAIMS }.run()?;
    let least = Cost::since(&superuser, &before, CLAIMS).await?;

    let mut lines = vec![HEADING.map(str::to_owned).to_vec(), least.line("smallest statement", 1)];
    for (at_once, cost) in over_http {
        lines.push(cost.line(&format!("over HTTP, {at_once} at once"), own.statements));
    }
    report.tabulate("What a claim costs the database", lines);
    Ok(())
}

/// How far the log of changes goes.
async fn written(superuser: &Client) -> Result<String> {
    Ok(superuser.query_one("select pg_current_wal_insert_lsn()::text", &[]).await?.try_get(0)?)
}

impl Cost {
    async fn since(superuser: &Client, before: &str, claims: u32) -> Result<Self> {
        // What has not reached the disk can't be read yet.
        superuser.batch_execute("select txid_current()").await?;
        let row = superuser
            .query_one(
                "with record as (
                     select \"resource_manager/record_type\" as kind, count::float8 as many,
                            combined_size::float8 as bytes
                     from pg_get_wal_stats($1::text::pg_lsn, pg_current_wal_flush_lsn(), true)
                 )
                 select coalesce(sum(many) filter (where kind like 'Transaction/COMMIT%'), 0),
                        coalesce(sum(many) filter (where kind like 'Heap%/%INSERT%'), 0),
                        coalesce(sum(many) filter (where kind like 'Heap/%UPDATE%'), 0),
                        coalesce(sum(many) filter (where kind like 'Heap/HOT_UPDATE%'), 0),
                        coalesce(sum(many) filter (where kind like 'Heap%/LOCK%'), 0),
                        coalesce(sum(many) filter (where kind like 'Btree/INSERT%'), 0),
                        coalesce(sum(bytes), 0)
                 from record",
                &[&before],
            )
            .await?;
        let mut counts = [0.0; 7];
        for (nr, count) in counts.iter_mut().enumerate() {
            *count = row.try_get::<_, f64>(nr)? / f64::from(claims);
        }
        Ok(Self(counts))
    }

    /// `statements`: of a claim that is asked for alone. Claims that are written together share them.
    fn line(&self, what: &str, statements: usize) -> Vec<String> {
        let [commits, inserted, updated, hot, locked, entries, bytes] = self.0;
        let round_trips = statements as f64 * commits.min(1.0);
        let mut line = vec![what.to_owned()];
        line.extend([round_trips, commits].map(|count| format!("{count:.2}")));
        line.extend([inserted, updated, hot, locked, entries].map(|count| format!("{count:.1}")));
        line.push(format!("{bytes:.0} bytes"));
        line
    }
}
