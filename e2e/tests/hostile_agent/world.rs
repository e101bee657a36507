use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use lablink_e2e::{Allocator, Caller, Deployment};
use serde_json::json;
use tokio::task::AbortHandle;
use tokio_postgres::NoTls;

use crate::attacks::Attack;

const CONFIG: &str = "provider: manual
limits: { form_per_address: 0, form_per_email: 0, connections_per_address: 0 }
";
const HOSTILE: &str = "hostile.example.org";

/// An allocator with many free VMs, one of which is in wrong hands.
pub struct World {
    pub allocator: Allocator,
    pub participant: Caller,
    pub hostile: Hostile,
    deployment: Deployment,
    database: tokio_postgres::Client,
}

/// Somebody who has root on one VM, and so its agent's token.
#[derive(Clone)]
pub struct Hostile {
    pub http: reqwest::Client,
    pub base: String,
    token: String,
    answers: Arc<[AtomicU64; 2]>,
}

/// What there is at one moment.
pub struct Measured {
    pub database: i64,
    pub events: i64,
    pub peak_memory: u64,
}

impl World {
    pub async fn new(vms: i64) -> Result<Self> {
        let deployment = Deployment::with_config(CONFIG)?;
        let allocator = deployment.start().await?;
        let mut config = tokio_postgres::Config::new();
        config.host_path(deployment.postgres_socket()?).user("lablink").dbname("lablink_db");
        let (database, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let fill = "insert into vm (pool_id, hostname, number, source, status)
                    select pool.id, 'lablink-vm-dev-' || n, n, 'manual', 'running'
                    from pool, generate_series(1, $1::bigint::int) as n";
        database.execute(fill, &[&vms]).await?;
        database.batch_execute("analyze vm").await?;
        let hostile = Hostile::enrol(&allocator).await?;
        let participant = allocator.program()?;
        Ok(Self { allocator, participant, hostile, deployment, database })
    }

    /// Gives the hostile VM a log to search.
    pub async fn write_log(&self, lines: i64) -> Result<()> {
        let sql = "with of as (select id from vm where hostname = $2), stored as (
                       insert into log_line (vm_id, at, line)
                       select of.id, now(), repeat('loss 0.1234 ', 16) || n
                       from of, generate_series(1, $1::bigint) as n
                   )
                   insert into log_volume (vm_id, lines, bytes)
                   select id, $1, $1 * 300 from of";
        self.database.execute(sql, &[&lines, &HOSTILE]).await?;
        Ok(())
    }

    /// Lets what was begun end.
    pub async fn rest(&self) {
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    pub async fn measure(&self) -> Result<Measured> {
        let size = "select pg_database_size(current_database())";
        Ok(Measured {
            database: self.count(size).await?,
            events: self.count("select count(*) from event where actor like 'agent%'").await?,
            peak_memory: self.allocator.peak_memory()?,
        })
    }

    pub async fn count(&self, sql: &str) -> Result<i64> {
        Ok(self.database.query_one(sql, &[]).await.context(sql.to_owned())?.try_get(0)?)
    }

    pub async fn metrics(&self) -> Result<String> {
        Ok(self.participant.get("/metrics").await?.expect(200)?.body)
    }

    pub async fn page_of_the_vm(&self) -> Result<String> {
        let page = format!("/admin/vms/{HOSTILE}");
        Ok(self.allocator.organisers_browser()?.get(&page).await?.expect(200)?.text())
    }

    pub async fn end(self) -> Result<()> {
        drop(self.database);
        self.allocator.stop().await?;
        self.deployment.ensure_nothing_runs()
    }
}

impl Hostile {
    async fn enrol(allocator: &Allocator) -> Result<Self> {
        let wish = json!({ "hostname": HOSTILE });
        let told =
            allocator.organiser()?.post_json("/api/vms", &wish).await?.expect(201)?.json()?;
        let wish = json!({ "hostname": HOSTILE, "enrolment_token": told["enrolment_token"] });
        let enrolled = allocator.program()?.post_json("/api/agent/enrol", &wish).await?;
        let enrolled = enrolled.expect(200)?.json()?;
        let token = enrolled["agent_token"].as_str().context("no token")?.to_owned();
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { http, base: allocator.url(""), token, answers: Arc::default() })
    }

    /// Sends what `request` makes, again and again, by so many connections.
    pub fn repeat(
        &self,
        connections: usize,
        request: impl Fn(&Self, u64) -> reqwest::RequestBuilder + Clone + Send + Sync + 'static,
    ) -> Vec<AbortHandle> {
        let attack = |place: usize| {
            let (hostile, request) = (self.clone(), request.clone());
            let attacking = async move {
                for turn in 0.. {
                    let nr = turn * connections as u64 + place as u64;
                    let sent = request(&hostile, nr).bearer_auth(&hostile.token).send().await;
                    match sent.map(|answer| answer.status().as_u16()) {
                        Ok(429 | 503) => hostile.answers[1].fetch_add(1, Relaxed),
                        _ => hostile.answers[0].fetch_add(1, Relaxed),
                    };
                }
            };
            tokio::spawn(attacking).abort_handle()
        };
        (0..connections).map(attack).collect()
    }

    /// Sends one request after the other, and answers their statuses.
    pub async fn ask(&self, attack: Attack, times: u64) -> Result<Vec<u16>> {
        let mut statuses = Vec::new();
        for nr in 0..times {
            // As `repeat` does with eight connections.
            let sent = attack.request(self, nr * 8).bearer_auth(&self.token).send().await?;
            statuses.push(sent.status().as_u16());
        }
        Ok(statuses)
    }

    pub fn host(&self) -> &'static str {
        HOSTILE
    }

    /// How many of its requests were let through since this was last asked, and how many refused.
    pub fn refused(&self) -> [u64; 2] {
        [0, 1].map(|which| self.answers[which].swap(0, Relaxed))
    }
}
