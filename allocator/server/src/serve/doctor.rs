//! What this allocator can see of its deployment, layer by layer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use lablink_checks::{Checkup, Code, Finding, Floor, Roots, Way, clock, disk};
use lablink_core::{
    Db, DbError, Scope,
    db::Server,
    live::{self, Hub},
    logs::FromAws,
    preflight::{Preflight, Question, Verdict, Wanted},
    schema,
    secrets::{AwsLogin, Standing},
    vms::{self, Heard},
};
use lablink_provision::terraform::{Program, provider_cache};

/// What the checks look at.
pub struct Doctor {
    pub scope: Scope,
    pub server: Server,
    pub hub: Hub,
    pub data_dir: PathBuf,
    /// That must stay free on the data directory's disk.
    pub floor: Floor,
    /// Where people and agents reach this installation, if that is known.
    pub public_url: Option<String>,
    pub terraform: Option<Terraform>,
    /// Where VMs come from a cloud.
    pub cloud: Option<Cloud>,
    pub slow_start: Duration,
}

/// Where VMs are made.
pub struct Terraform {
    pub program: PathBuf,
    pub module: PathBuf,
}

/// What there is to ask of AWS.
pub struct Cloud {
    pub login: Arc<AwsLogin>,
    pub preflight: Option<Arc<Preflight>>,
    pub logs: FromAws,
}

impl Doctor {
    pub fn checkup(self) -> Checkup {
        let mut checkup = Checkup::default();
        self.add_database(&mut checkup);
        let url = self.public_url.as_deref().and_then(|url| url.parse().ok());
        if let Some(url) = url {
            Way { url, roots: Roots::System }.add_to(&mut checkup);
        }
        if let Some(Terraform { program, module }) = self.terraform {
            add_terraform(&mut checkup, program, module, provider_cache(&self.data_dir));
        }
        let (scope, slow) = (self.scope.clone(), self.slow_start);
        checkup.check(Code::PathBack, &[Code::Database], move || {
            let scope = scope.clone();
            async move { judge(vms::heard(&scope, slow).await, path_back) }
        });
        let (folder, floor) = (self.data_dir, self.floor);
        checkup.check(Code::Disk, &[], move || {
            let folder = folder.clone();
            async move { disk(&folder, floor) }
        });
        if let Some(cloud) = self.cloud {
            cloud.add_to(&mut checkup, self.scope, slow);
        }
        checkup
    }

    fn add_database(&self, checkup: &mut Checkup) {
        let db = self.scope.db.clone();
        checkup.check(Code::Database, &[], move || {
            let db = db.clone();
            async move { judge(db.ping().await, |()| Finding::well("The database answers.")) }
        });
        let db = self.scope.db.clone();
        checkup.check(Code::DatabaseRights, &[Code::Database], move || {
            let db = db.clone();
            async move { judge(schema::missing_rights(&db).await, rights) }
        });
        let (server, db, hub) = (self.server.clone(), self.scope.db.clone(), self.hub.clone());
        checkup.check(Code::DatabaseListen, &[Code::Database], move || {
            let (server, db, hub) = (server.clone(), db.clone(), hub.clone());
            async move { listens(&server, &db, &hub).await }
        });
        let db = self.scope.db.clone();
        checkup.check(Code::Clock, &[Code::Database], move || {
            let db = db.clone();
            async move {
                judge(db.now().await, |theirs| clock("the database's", theirs, Timestamp::now()))
            }
        });
    }
}

fn judge<T>(answer: Result<T, DbError>, of: impl FnOnce(T) -> Finding) -> Finding {
    match answer {
        Ok(answer) => of(answer),
        Err(error) => Finding::broken(
            format!("The database gives no answer: {}.", lablink_core::chain(&error)),
            "See that the server runs, and that address, password and TLS are those of the \
             configuration.",
        ),
    }
}

fn rights(missing: Vec<String>) -> Finding {
    if missing.is_empty() {
        return Finding::well("This allocator's role may do all that it has to.");
    }
    let shown: Vec<&str> = missing.iter().take(5).map(String::as_str).collect();
    let more = missing.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Finding::broken(
        format!("The database's role lacks rights: {}{more}.", shown.join("; ")),
        "Make it the owner of the tables: reassign owned by OTHER to it, as a superuser.",
    )
}

async fn listens(server: &Server, db: &Db, hub: &Hub) -> Finding {
    let todo = "Connect to PostgreSQL itself: a pooler in transaction mode passes no notifications \
                on.";
    match live::echoes(server, db).await {
        Ok(true) if hub.is_connected() => Finding::well("What is notified is heard."),
        Ok(true) => Finding::broken(
            "A notification comes back, but this allocator's own listener is not connected.",
            "Wait half a minute; if it stays so, restart the allocator and read its log.",
        ),
        Ok(false) => Finding::broken("A notification did not come back within 3 s.", todo),
        Err(error) => Finding::broken(format!("It can't be tried: {error}."), todo),
    }
}

fn add_terraform(checkup: &mut Checkup, program: PathBuf, module: PathBuf, cache: PathBuf) {
    let path = program.clone();
    checkup.check(Code::Terraform, &[], move || {
        let path = path.clone();
        async move {
            match Program::find(&path).await {
                Ok(_recent) => Finding::well(format!("'{}' is recent enough.", path.display())),
                Err(error) => Finding::broken(
                    format!("{error}."),
                    "Install Terraform 1.10 or later, or name it with --terraform.",
                ),
            }
        }
    });
    checkup.check(Code::Providers, &[Code::Terraform], move || {
        let (program, module, cache) = (program.clone(), module.clone(), cache.clone());
        async move {
            let tried = match tempfile::tempdir() {
                Ok(scratch) => {
                    let program = Program::unchecked(&program);
                    program.try_providers(&module, scratch.path(), &cache).await
                }
                Err(error) => Err(error.into()),
            };
            match tried {
                Ok(()) => Finding::well("The module's providers can be had."),
                Err(error) => Finding::broken(
                    format!("The providers of {} can't be had: {error}.", module.display()),
                    "See that Terraform's registry, or a mirror of your own, can be reached from \
                     here.",
                ),
            }
        }
    });
}

fn path_back(Heard { expected, heard, .. }: Heard) -> Finding {
    match (expected, heard) {
        (0, _) => Finding::skipped("There is no VM that should be heard."),
        (_, 0) => Finding::broken(
            format!("None of {expected} VMs was heard within two minutes."),
            "Run `lablink-client doctor` on one of them; compare ALLOCATOR_FQDN with what they can \
             reach.",
        ),
        _ if heard < expected => Finding::warning(
            format!("{heard} of {expected} VMs were heard within two minutes."),
            "Look at the pages of those that are silent.",
        ),
        _ => Finding::well(format!("All {expected} VMs are heard.")),
    }
}

fn forwarder(Heard { on_aws, without_log, .. }: Heard) -> Finding {
    match (on_aws, without_log) {
        (0, _) => Finding::skipped("No VM on AWS has been running for ten minutes."),
        (_, 0) => Finding::well(format!("All {on_aws} VMs on AWS have sent lines.")),
        _ if without_log == on_aws => Finding::broken(
            format!("None of {on_aws} VMs on AWS has sent a line of log."),
            "Read the log of the forwarder's function: it names what the allocator answered.",
        ),
        _ => Finding::warning(
            format!("{without_log} of {on_aws} VMs on AWS have sent no line of log."),
            "Look at these VMs' own pages.",
        ),
    }
}

impl Cloud {
    fn add_to(self, checkup: &mut Checkup, scope: Scope, slow: Duration) {
        let (login, its) = (self.login, scope.clone());
        checkup.check(Code::Identity, &[Code::Database], move || {
            let (login, scope) = (Arc::clone(&login), its.clone());
            async move {
                judge(login.look(&scope).await, |_changed| match login.standing() {
                    Some(Standing::Invalid { reason }) => Finding::broken(
                        format!("AWS does not take the credentials: {reason}."),
                        "Type new keys at /admin/aws, or give the host its role back.",
                    ),
                    Some(_valid) => Finding::well("AWS takes the credentials."),
                    None => Finding::skipped("AWS did not answer, or nobody relies on it."),
                })
            }
        });
        if let Some(preflight) = self.preflight {
            let its = scope.clone();
            checkup.check(Code::Quota, &[Code::Identity], move || {
                let (preflight, scope) = (Arc::clone(&preflight), its.clone());
                async move { quota(&preflight, &scope).await }
            });
        }
        if self.logs == FromAws::CloudWatch {
            checkup.check(Code::Forwarder, &[Code::Database], move || {
                let scope = scope.clone();
                async move { judge(vms::heard(&scope, slow).await, forwarder) }
            });
        }
    }
}

/// Whether one more VM could be made.
async fn quota(preflight: &Preflight, scope: &Scope) -> Finding {
    let one = Wanted { count: 1, hours: None };
    judge(preflight.report(scope, &one).await, |report| match report.refusal() {
        Some(refusal) => Finding::broken(
            refusal,
            report.quota_request.clone().unwrap_or_else(|| {
                "Correct that: no VM can be launched before. /admin/launch tells more.".to_owned()
            }),
        ),
        None => {
            let quota = report.findings.iter().find(|it| it.question == Question::Quota);
            match quota.filter(|it| it.verdict == Verdict::Good) {
                Some(known) => Finding::well(known.text.clone()),
                None => Finding::well("Nothing that AWS tells stands in a launch's way."),
            }
        }
    })
}
