//! The large database, and an allocator on it whose every call is judged.

use std::{convert::Infallible, mem, path::PathBuf, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use futures_util::future::join_all;
use lablink_core::{
    Db, Token, channels, collections, events, line, logs,
    operations::{self, Kinds, Outcome, Reboot},
    pools::{PerAddress, PlacesPerAddress},
    schema, scope, usage, vms,
};
use lablink_protocol::ChannelTarget;
use lablink_test_db::NobodyAsks;
use lablink_web::{AgentAuth, access_table};
use serde_json::json;
use tokio::{runtime::Handle, time::Instant};
use tokio_postgres::Config;

use super::{
    calls::{Scenes, When},
    found::Found,
    judge::{For, Judge},
    plans::{Log, Planned},
    text,
};
use crate::{
    app::{App, json as post_json, kinds},
    aws::with_keys_that_work,
};

/// Tables with some rows for each pool, and never more.
const SMALL: [&str; 9] = [
    "pool",
    "aws_keys",
    "terraform_state",
    "refinery_schema_history",
    // What was asked for in the last seconds.
    "channel",
    // For each state.
    "vm_count",
    "operation_count",
    // Folded into the counts each second.
    "vm_move",
    // For a week.
    "usage_sample",
];

const CLAIM: &str = "/api/request_vm";

pub struct Large {
    config: Config,
    app: App,
    superuser: Db,
    log: Log,
    judge: Judge,
    found: Found,
}

impl Large {
    pub async fn fill(mut config: Config, mut superuser: Config, log: PathBuf) -> Self {
        let maintenance = Db::new(&config, 1);
        maintenance.client().await.unwrap().batch_execute("create database growth").await.unwrap();
        config.dbname("growth");
        superuser.dbname("growth");
        schema::migrate(&config).await.unwrap();
        let superuser = Db::new(&superuser, 1);
        let run = async |sql: &str| {
            superuser.client().await.unwrap().batch_execute(sql).await.unwrap();
        };
        // The rows refer to each other in circles, and are right.
        run("set statement_timeout = 0; set session_replication_role = replica").await;
        run(&text("database.sql")).await;
        run("vacuum analyze").await;
        // From now on, each session tells its plans.
        run("alter database growth set auto_explain.log_min_duration = 0").await;
        let judge = Judge::new(growing(&superuser).await);
        // With one connection, the log has the statements in their order.
        let app =
            App::on(config.clone(), 1, AgentAuth::Required).await.with_aws(with_keys_that_work());
        for collection in (2_901..=2_996).step_by(5) {
            app.collector.keep(collection.into(), "0123456789");
        }
        Self { config, app, superuser, log: Log::new(log), judge, found: Found::default() }
    }

    /// What is wrong; empty: nothing.
    pub async fn judged(mut self) -> String {
        self.see_todays_claim().await;
        let mut scenes = Scenes::new();
        for when in [When::Free, When::Full] {
            if when == When::Full {
                let client = self.superuser.client().await.unwrap();
                client.batch_execute(&text("full.sql")).await.unwrap();
                client.batch_execute("vacuum analyze").await.unwrap();
            }
            for plans in ["force_custom_plan", "force_generic_plan"] {
                self.app.sql(&format!("set plan_cache_mode = {plans}")).await;
                for (method, path, _) in access_table() {
                    let (its, calls) = scenes.calls(&method, path);
                    for call in calls.into_iter().filter(|_| its == when) {
                        let by = format!("{method} {path} by {}", call.by);
                        self.call(&by, call.request).await;
                    }
                }
                self.channels().await;
                self.tasks().await;
            }
            match when {
                When::Free => {
                    self.many_at_once(&mut scenes).await;
                    self.by_other_rules(&mut scenes).await;
                }
                When::Full => self.without_a_free_vm(&mut scenes).await,
            }
        }
        self.found.report()
    }

    /// What the routes of channels ask: none of these calls is one of theirs, which upgrade.
    async fn channels(&mut self) {
        let (db, hostname) = (self.app.db.clone(), "lablink-vm-test-48".parse().unwrap());
        let link = Token::presented("claim-48").hash();
        let right = channels::right(&db, link).await.unwrap().unwrap();
        self.judge(For::Request, "the right to a channel").await;
        let (id, secret) = (Token::random(), Token::random());
        let new = channels::NewChannel {
            id: &id,
            vm_id: right.vm_id,
            target: ChannelTarget::Desktop,
            holder: "127.0.0.1:1",
            secret: &secret,
            patience: Duration::from_secs(20),
        };
        channels::ask(&db, &new).await.unwrap();
        self.judge(For::Request, "asking for a channel").await;
        channels::tell(&db, &hostname).await.unwrap().unwrap();
        channels::take(&db, &hostname, &id).await.unwrap().unwrap();
        self.judge(For::Request, "dialling a channel").await;
    }

    /// Those who ask for a VM while others are served are served together.
    async fn many_at_once(&mut self, scenes: &mut Scenes) {
        let requests: Vec<_> = (0..8).flat_map(|_| scenes.calls(&Method::POST, CLAIM).1).collect();
        let answers = join_all(requests.into_iter().map(|it| self.app.call(it.request))).await;
        assert!(answers.iter().all(|it| !it.status.is_client_error()), "{:?}", answers[0].body);
        self.judge(For::Request, "many who ask for a VM at once").await;
    }

    /// A long line also counts where nobody stands in it.
    async fn without_a_free_vm(&mut self, scenes: &mut Scenes) {
        let pages = ["/", "/api/unassigned_vms_count", "/admin", "/admin/participants", "/metrics"];
        for path in pages {
            for call in scenes.calls(&Method::GET, path).1 {
                let by = format!("GET {path} by {} while no VM is free", call.by);
                self.call(&by, call.request).await;
            }
        }
        for call in scenes.calls(&Method::POST, CLAIM).1 {
            let answer = self.app.call(call.request).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
            self.judge(For::Request, "POST /api/request_vm while no VM is free").await;
        }
    }

    /// Where the people of one address are counted, and agents need no token.
    async fn by_other_rules(&mut self, scenes: &mut Scenes) {
        let limits = PerAddress { places: PlacesPerAddress::AsThePool, claims: Some(1_000) };
        let other = App::on(self.config.clone(), 1, AgentAuth::Open).await.crowded(limits);
        let usual = mem::replace(&mut self.app, other);
        for path in [CLAIM, "/line"] {
            for call in scenes.calls(&Method::POST, path).1 {
                self.call(&format!("POST {path} where addresses are counted"), call.request).await;
            }
        }
        let report =
            post_json("/api/vm-status", &json!({"hostname": "new-7", "status": "running"}));
        self.call("POST /api/vm-status by an agent that nobody knows", report).await;
        self.app = usual;
    }

    async fn call(&mut self, by: &str, request: Request<Body>) {
        let (uri, tasks) = (request.uri().to_string(), alive());
        let answer = tokio::select! {
            answer = self.app.send(request) => answer,
            never = self.carry_out_reboots(), if uri.ends_with("/reboot") => match never {},
        };
        let (parts, body) = answer.into_parts();
        let is_stream =
            parts.headers.get("content-type").is_some_and(|it| it == "text/event-stream");
        let body = match is_stream {
            true => "a stream".into(),
            false => axum::body::to_bytes(body, usize::MAX).await.unwrap(),
        };
        if !(parts.status.is_success() || parts.status.is_redirection()) {
            let body: String = String::from_utf8_lossy(&body).chars().take(300).collect();
            self.found.failed.push(format!("{by} ({uri}): {} {body}", parts.status));
        }
        // What it has begun beside its answer counts as well.
        let start = Instant::now();
        while alive() > tasks && start.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.judge(For::Request, by).await;
    }

    /// A program that asks for a reboot is answered when it is done, so somebody does it.
    async fn carry_out_reboots(&self) -> Infallible {
        let (scope, reboots) = (self.app.scope(), Kinds::default().with::<Reboot>());
        loop {
            match operations::take(&scope, "test", &reboots).await.unwrap() {
                Some(taken) => taken.lease.finish(&Outcome::succeeded()).await.unwrap(),
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    async fn judge(&mut self, runs_for: For, by: &str) {
        let planned = self.planned().await;
        self.found.judge(&self.judge, runs_for, by, &planned);
    }

    /// The plans since the last look. A statement of our own shows where they end: the server writes
    /// a plan when it is done with it, which may be after it has answered.
    async fn planned(&mut self) -> Vec<Planned> {
        const END: &str = "select 'the end of a call'";
        self.app.sql(END).await;
        let (mut planned, start) = (Vec::new(), Instant::now());
        loop {
            planned.extend(self.log.plans());
            if planned.last().is_some_and(|last: &Planned| last.statement == END) {
                planned.pop();
                return planned;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "the server tells no plans");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The eye sees: a claim that sorts the pool, as it once did, is found.
    async fn see_todays_claim(&mut self) {
        self.planned().await;
        self.app
            .sql(
                "select vm.id from vm where pool_id = 1 and claim_id is null and removed_at is null
                 and status = 'running' and used_at is null
                 and not exists (select from vm_presence where vm_id = vm.id
                                 and last_seen < now() - interval '60 seconds')
                 order by gpu is not distinct from 'degraded', number, id limit 1",
            )
            .await;
        let planned = self.planned().await;
        let faults = self.judge.faults(For::Request, &planned[0].plan);
        for word in ["sorts", "reads"] {
            assert!(faults.iter().any(|fault| fault.starts_with(word)), "{word}: {faults:?}");
        }
    }

    async fn tasks(&mut self) {
        let (scope, db) = (self.app.scope(), self.app.db.clone());
        line::tend(&scope).await.unwrap();
        self.judge(For::Task, "the task 'waiting line'").await;
        vms::keep_states(&scope).await.unwrap();
        self.judge(For::Task, "the task 'states'").await;
        let missed = Duration::from_secs(40);
        vms::ask_about_unheard(&scope, &NobodyAsks, None, missed).await.unwrap();
        self.judge(For::Task, "the task 'silent VMs on AWS'").await;
        vms::notice(&scope).await.unwrap();
        let limits = vms::Limits {
            suspect_after: Duration::from_secs(180),
            overdue_after: Duration::from_secs(900),
        };
        vms::point_out(&scope, limits).await.unwrap();
        self.judge(For::Task, "the task 'silent VMs'").await;
        operations::end_overdue(&scope).await.unwrap();
        self.judge(For::Task, "the task 'overdue operations'").await;
        let day = Duration::from_secs(24 * 3600);
        let kept = logs::Retention { age: Some(30 * day), bytes_per_vm: Some(1_000_000) };
        logs::sweep(&db, kept).await.unwrap();
        self.judge(For::Task, "the task 'log lines'").await;
        let kept = events::Retention { age: Some(365 * day), per_vm: Some(100_000) };
        events::sweep(&db, kept).await.unwrap();
        self.judge(For::Task, "the task 'history'").await;
        let kept = collections::Retention { age: 365 * day, bytes: i64::MAX, archives: 1000 };
        collections::beyond(&scope, "alloc-1", &kept).await.unwrap();
        self.judge(For::Task, "the task 'archives'").await;
        scope::forget_old(&db).await.unwrap();
        self.judge(For::Task, "the task 'request keys'").await;
        usage::record(&scope).await.unwrap();
        self.judge(For::Task, "the task 'use over time'").await;
        operations::take(&scope, "test", &kinds()).await.unwrap();
        self.judge(For::Task, "the worker").await;
    }
}

/// Tables with more than a few rows. All but [`SMALL`] must be filled.
async fn growing(db: &Db) -> Vec<String> {
    let sql = "select relname::text, reltuples::bigint from pg_class
               where relkind = 'r' and relnamespace = 'public'::regnamespace";
    let rows = db.client().await.unwrap().query(sql, &[]).await.unwrap();
    let tables = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, i64>(1)));
    let growing: Vec<_> = tables.filter(|(name, _)| !SMALL.contains(&name.as_str())).collect();
    for (name, rows) in &growing {
        assert!(*rows >= 1_000, "database.sql puts too few rows into {name}: {rows}");
    }
    growing.into_iter().map(|(name, _)| name).collect()
}

fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}
