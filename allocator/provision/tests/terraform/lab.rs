use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use lablink_core::{
    Actor, Db, Scope,
    collections::{self, Retention},
    live::{self, Hub},
    operations::{self, Lane, Operation, OperationId, OperationState},
    pools::Pool,
    secrets::{AwsLogin, Vault},
    ssh::FitAddresses,
    vms::{self, Selection, Vm},
    worker::{Runners, Worker, WorkerParts},
};
use lablink_protocol::Hostname;
use lablink_provision::{
    collect::{CollectorParts, Limits, ZipCollector},
    ssh::Machines,
    terraform::{
        Backend, CaughtUp, LocalVms, Program, Provider, Provisioner, ProvisionerParts, Reboots,
        RuntimeVariables, Workspace,
    },
};
pub use lablink_test_db::kinds;
use lablink_test_db::{TestDb, rules};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::program::Programs;

/// One environment: a database, a state, a folder of VMs; and as many allocators as wanted.
pub struct TerraformLab {
    pub database: TestDb,
    pub db: Db,
    pub pool: Arc<Pool>,
    pub programs: Programs,
    backend: Backend,
    pub aws: Arc<AwsLogin>,
    pub root: tempfile::TempDir,
}

/// An allocator's worker at work.
pub struct Working {
    pub shutdown: CancellationToken,
    pub caught_up: CaughtUp,
    task: JoinHandle<()>,
    listening: JoinHandle<()>,
}

impl Working {
    /// As `kill -9` would: nothing more is done, said or written.
    pub fn vanish(self) {
        self.task.abort();
        self.listening.abort();
    }

    /// As SIGTERM would.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
        self.listening.abort();
    }
}

impl TerraformLab {
    pub async fn new() -> Self {
        let root = tempfile::Builder::new().prefix("lablink-terraform-").tempdir().unwrap();
        let file = Backend::File(root.path().join("state/test.tfstate"));
        Self::with(root, file, "").await
    }

    /// With its state in a bucket, which Terraform finds by the environment in `exports`.
    pub async fn in_bucket(exports: &str) -> Self {
        let root = tempfile::Builder::new().prefix("lablink-terraform-").tempdir().unwrap();
        let bucket = Backend::S3 {
            bucket: "state-bucket".to_owned(),
            key: "test/terraform.tfstate".to_owned(),
            region: "us-east-1".to_owned(),
        };
        Self::with(root, bucket, exports).await
    }

    async fn with(root: tempfile::TempDir, backend: Backend, exports: &str) -> Self {
        let database = TestDb::create().await;
        let db = Db::new(&database.config(), 8);
        let pool = Arc::new(Pool::open(&db, "test", rules()).await.unwrap());
        for folder in ["state", "vms"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let programs = Programs::new(root.path(), exports);
        let aws = Arc::new(AwsLogin::new(None, Vault::new(None)));
        Self { database, db, pool, programs, backend, aws, root }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Starts an allocator's worker, with a database handle and a data directory of its own.
    pub async fn worker(&self, name: &str) -> Working {
        let db = Db::new(&self.database.config(), 4);
        let scope = Scope::new(&db, &self.pool, Actor::System);
        let hub = Hub::default();
        let listening = tokio::spawn(live::listen(self.database.config(), hub.clone()));
        let data = self.path(name);
        let variables = RuntimeVariables {
            allocator_url: "http://127.0.0.1:1".to_owned(),
            resource_suffix: "test".to_owned(),
            gpu_support: Default::default(),
            startup_on_error: "continue".to_owned(),
            ..RuntimeVariables::default()
        };
        let provisioner = Arc::new(Provisioner::new(ProvisionerParts {
            scope: scope.clone(),
            workspace: Workspace::new(
                Program::find(&self.programs.terraform).await.unwrap(),
                Provider::Local(self.local()),
                self.programs.module.clone(),
                data.join("terraform"),
                self.backend.clone(),
            ),
            aws: Arc::clone(&self.aws),
            variables,
            preflight: None,
            operations_dir: data.join("operations"),
        }));
        let caught_up = provisioner.caught_up();
        let worker = Worker::new(WorkerParts {
            scope: scope.clone(),
            hub,
            owner: name.to_owned(),
            runners: Arc::new(self.runners(&scope, &data, &provisioner)),
        });
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(worker.run(shutdown.clone()));
        // As long as an allocator waits before it answers requests.
        let _hangs =
            tokio::time::timeout(Duration::from_secs(2), caught_up.clone().reached()).await;
        Working { shutdown, caught_up, task, listening }
    }

    fn runners(&self, scope: &Scope, data: &Path, provisioner: &Arc<Provisioner>) -> Runners {
        let reboots = Arc::new(Reboots { scope: scope.clone(), vms: self.local() });
        let idle = Arc::clone(provisioner);
        Runners::default()
            .with::<operations::Launch>(provisioner)
            .with::<operations::Destroy>(provisioner)
            .with::<operations::Replace>(provisioner)
            .with::<operations::BringBack>(provisioner)
            .with::<operations::GiveUp>(provisioner)
            .with::<operations::Reboot>(&reboots)
            .with::<collections::Collect>(&self.collector(scope, data))
            .while_idle(Lane::MACHINES, move |stop| {
                let provisioner = Arc::clone(&idle);
                async move { provisioner.while_idle(stop).await }
            })
    }

    pub fn local(&self) -> LocalVms {
        LocalVms {
            directory: self.path("vms"),
            agent: self.programs.agent.clone(),
            script: self.programs.module.join("vm.sh"),
            allocator_url: "http://127.0.0.1:1".to_owned(),
            subject_software: String::new(),
        }
    }

    fn collector(&self, scope: &Scope, data: &Path) -> Arc<ZipCollector> {
        let directory = data.join("collections");
        fs::create_dir_all(&directory).unwrap();
        let parts = CollectorParts {
            scope: scope.clone(),
            machines: Machines {
                scope: scope.clone(),
                secret_key: None,
                ssh_addresses: FitAddresses::Remote,
                local: Some(self.path("vms")),
                cloud: None,
            },
            limits: Limits {
                at_once: 8,
                connect: Duration::from_secs(10),
                stall: Duration::from_secs(60),
                per_vm: Duration::from_hours(1),
                bytes_per_vm: 1_000_000_000,
                slowest: 0,
                reserve: 0,
            },
            directory,
            retention: Retention { age: Duration::from_hours(1), bytes: i64::MAX, archives: 10 },
            owner: "lab".to_owned(),
        };
        Arc::new(ZipCollector::new(parts).unwrap())
    }

    pub async fn launch(&self, count: u32) -> OperationId {
        operations::launch(&self.by(admin()), count).await.unwrap()
    }

    pub fn scope(&self) -> Scope {
        self.by(Actor::System)
    }

    pub fn by(&self, actor: Actor) -> Scope {
        Scope::new(&self.db, &self.pool, actor)
    }

    pub async fn destroy(&self, selection: Selection) -> OperationId {
        operations::destroy(&self.by(admin()), &selection).await.unwrap()
    }

    pub async fn cancel(&self, id: OperationId) {
        assert!(operations::cancel(&self.by(admin()), &kinds(), id).await.unwrap());
    }

    pub async fn operation(&self, id: OperationId) -> Operation {
        operations::find(&self.scope(), id).await.unwrap().unwrap()
    }

    /// The operation at its end, which must come soon.
    pub async fn ended(&self, id: OperationId) -> Operation {
        let start = Instant::now();
        loop {
            if let Ok(Some(operation)) = operations::find(&self.scope(), id).await
                && operation.state.is_over()
            {
                return operation;
            }
            assert!(start.elapsed() < Duration::from_secs(600), "operation {id} does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A worker has begun with the operation.
    pub async fn begun(&self, id: OperationId) {
        while self.operation(id).await.state != OperationState::Running {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The lease of a vanished worker has run out.
    pub async fn lease_runs_out(&self) {
        self.sql("update operation set lease_expires_at = now() where state = 'running'").await;
    }

    pub async fn succeeds(&self, id: OperationId) -> Operation {
        let operation = self.ended(id).await;
        let log = operations::log(&self.db, id, 100).await.unwrap();
        assert_eq!(operation.state.as_str(), "succeeded", "{operation:#?} {log:#?}");
        operation
    }

    pub async fn vms(&self) -> BTreeMap<String, Vm> {
        let vms = vms::list(&self.scope()).await.unwrap();
        vms.into_iter().map(|vm| (short(vm.hostname.as_str()), vm)).collect()
    }

    /// Makes VMs take long to start, and waits until one is at it.
    pub fn slow_down(&self, seconds: u32) {
        fs::write(self.programs.faults.join("slow"), seconds.to_string()).unwrap();
    }

    pub async fn in_the_middle(&self) -> i32 {
        self.eventually("a VM is being started", || self.programs.faults.join("reached").exists())
            .await;
        let pid = fs::read_to_string(self.path("applying")).unwrap();
        pid.trim().parse().unwrap()
    }

    /// A VM's machine is gone, and Terraform knows nothing of it.
    pub fn lose_machine(&self, number: &str) {
        self.remove_machine(&self.path("vms").join(vm(number).as_str()));
    }

    fn remove_machine(&self, folder: &Path) {
        self.vm_sh("remove", folder);
    }

    /// What `vm.sh` does when no fault is in its way.
    pub fn vm_sh(&self, verb: &str, folder: &Path) {
        let script = self.programs.module.join("real-vm.sh");
        let _gone = Command::new("bash").arg(script).arg(verb).arg(folder).output();
    }

    pub fn heal(&self) {
        for entry in fs::read_dir(&self.programs.faults).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    pub fn fault(&self, name: &str) {
        fs::write(self.programs.faults.join(name), "").unwrap();
    }

    pub async fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn count(&self, query: &str) -> i64 {
        self.db.client().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
    }

    pub async fn sql(&self, statement: &str) {
        self.db.client().await.unwrap().batch_execute(statement).await.unwrap();
    }
}

impl Drop for TerraformLab {
    fn drop(&mut self) {
        for pid in self.terraforms() {
            signal(pid, Signal::SIGKILL);
        }
        for folder in fs::read_dir(self.path("vms")).into_iter().flatten().flatten() {
            self.remove_machine(&folder.path());
        }
    }
}

pub fn signal(pid: i32, signal: Signal) {
    let _gone = kill(Pid::from_raw(pid), signal);
}

pub fn vm(number: &str) -> Hostname {
    format!("lablink-vm-test-{number}").parse().unwrap()
}

/// A hostname without what all have in common.
pub fn short(hostname: &str) -> String {
    hostname.trim_start_matches("lablink-vm-test-").to_owned()
}

pub fn admin() -> Actor {
    Actor::Admin("teacher".to_owned())
}
