use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lablink_core::{
    Actor, Db, Token, agents,
    live::{self, Hub},
    operations::{self, Launch, Operation, OperationId},
    pools::{self, PoolId},
    vms::{self, Selection, Source, Vm},
};
use lablink_protocol::{Hostname, VmStatus};
use lablink_provision::terraform::{
    LocalVms, Program, RuntimeVariables, Worker, WorkerParts, Workspace,
};
use lablink_test_db::TestDb;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::program::Programs;

/// One environment: a database, a state, a folder of VMs; and as many allocators as wanted.
pub struct Lab {
    pub database: TestDb,
    pub db: Db,
    pub pool: PoolId,
    pub programs: Programs,
    root: tempfile::TempDir,
}

/// An allocator's worker at work.
pub struct Working {
    pub shutdown: CancellationToken,
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

impl Lab {
    pub async fn new() -> Self {
        let database = TestDb::create().await;
        let db = Db::new(&database.config(), 8);
        let pool = pools::open(&db, "test").await.unwrap();
        let root = tempfile::Builder::new().prefix("lablink-terraform-").tempdir().unwrap();
        for folder in ["state", "vms"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let programs = Programs::new(root.path());
        Self { database, db, pool, programs, root }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Starts an allocator's worker, with a database handle and a data directory of its own.
    pub async fn worker(&self, name: &str) -> Working {
        let db = Db::new(&self.database.config(), 4);
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
        let worker = Worker::new(WorkerParts {
            db,
            pool: self.pool,
            hub,
            workspace: Workspace::new(
                Program::find(&self.programs.terraform).await.unwrap(),
                self.programs.module.clone(),
                data.join("terraform"),
                self.path("state/test.tfstate"),
            ),
            variables,
            local: LocalVms {
                directory: self.path("vms"),
                agent: self.programs.agent.clone(),
                script: self.programs.module.join("vm.sh"),
            },
            operations_dir: data.join("operations"),
            owner: name.to_owned(),
        });
        worker.catch_up().await;
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(worker.run(shutdown.clone()));
        Working { shutdown, task, listening }
    }

    pub async fn launch(&self, count: u32) -> OperationId {
        let wish = Launch { environment: "test", source: Source::Local, count };
        operations::launch(&self.db, self.pool, &admin(), &wish).await.unwrap()
    }

    pub async fn destroy(&self, selection: Selection) -> OperationId {
        operations::destroy(&self.db, self.pool, &admin(), &selection).await.unwrap()
    }

    pub async fn cancel(&self, id: OperationId) {
        assert!(operations::cancel(&self.db, self.pool, &admin(), id).await.unwrap());
    }

    pub async fn operation(&self, id: OperationId) -> Operation {
        operations::find(&self.db, self.pool, id).await.unwrap().unwrap()
    }

    /// The operation at its end, which must come soon.
    pub async fn ended(&self, id: OperationId) -> Operation {
        let start = Instant::now();
        loop {
            if let Ok(Some(operation)) = operations::find(&self.db, self.pool, id).await
                && operation.state.is_over()
            {
                return operation;
            }
            assert!(start.elapsed() < Duration::from_secs(90), "operation {id} does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn succeeds(&self, id: OperationId) -> Operation {
        let operation = self.ended(id).await;
        let log = operations::log(&self.db, id, 100).await.unwrap();
        assert_eq!(operation.state.as_str(), "succeeded", "{operation:#?} {log:#?}");
        operation
    }

    pub async fn vms(&self) -> BTreeMap<String, Vm> {
        let vms = vms::list(&self.db, self.pool).await.unwrap();
        vms.into_iter().map(|vm| (short(vm.hostname.as_str()), vm)).collect()
    }

    /// Numbers of the VMs in the state, as `terraform state list` and the file tell; whether each
    /// is whole.
    pub fn state(&self) -> BTreeMap<String, bool> {
        let file = self.path("state/test.tfstate");
        // Terraform makes the file empty when it locks it first.
        if fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
            return BTreeMap::new();
        }
        let output = Command::new("terraform")
            .args(["state", "list", &format!("-state={}", file.display())])
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let listed: BTreeSet<String> =
            listed.lines().filter_map(|line| Some(short(line.split('"').nth(1)?))).collect();
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let resources = json["resources"].as_array().unwrap();
        let instances = resources.iter().flat_map(|it| it["instances"].as_array().unwrap());
        let found: BTreeMap<String, bool> = instances
            .map(|it| (short(it["index_key"].as_str().unwrap()), it["status"] != "tainted"))
            .collect();
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), listed);
        found
    }

    /// Rows, state, folders and processes tell the same story.
    pub async fn tells_one_story(&self) {
        let (vms, state) = (self.vms().await, self.state());
        for (name, whole) in &state {
            let vm = vms.get(name).unwrap_or_else(|| panic!("{name} exists without a row"));
            assert!(!vm.removing, "{name} is going, though nobody removes it");
            assert_eq!(vm.status != VmStatus::Error, *whole, "{name}: {vm:?}");
            assert_eq!(self.agent_runs(name), *whole, "{name}'s agent");
        }
        for (name, vm) in vms.iter().filter(|(name, _)| !state.contains_key(*name)) {
            assert_eq!(vm.status, VmStatus::Error, "{name} has a row, but does not exist");
            assert!(vm.status_reason.is_some() && !vm.removing, "{vm:?}");
        }
        for folder in fs::read_dir(self.path("vms")).unwrap() {
            let name = short(folder.unwrap().file_name().to_str().unwrap());
            assert!(state.contains_key(&name), "{name} has left a folder");
        }
        assert!(self.terraforms().is_empty(), "a Terraform still runs");
        assert!(!self.path("violations").exists(), "two Terraforms at once");
        let running = "select count(*) from operation where state in ('running', 'queued')";
        assert_eq!(self.count(running).await, 0);
    }

    /// That all is well again is shown by the next operations.
    pub async fn works_again(&self) {
        let before = self.state().values().filter(|whole| **whole).count();
        self.succeeds(self.launch(1).await).await;
        let state = self.state();
        assert!(state.values().all(|whole| *whole), "broken VMs are made anew: {state:?}");
        assert!(state.len() > before);
        self.tells_one_story().await;
        self.succeeds(self.destroy(Selection::All).await).await;
        assert!(self.state().is_empty() && self.vms().await.is_empty());
        self.tells_one_story().await;
    }

    pub fn agent_runs(&self, number: &str) -> bool {
        let file = self.path(&format!("vms/lablink-vm-test-{number}/agent.pid"));
        let noted = fs::read_to_string(file).unwrap_or_default();
        noted.split(' ').next().is_some_and(|pid| Path::new("/proc").join(pid).join("fd").exists())
            && !noted.is_empty()
    }

    /// Whether the token that the VM's agent was given is good; it is used up by asking.
    pub async fn enrols(&self, number: &str) -> bool {
        let hostname = vm(number);
        let file = self.path(&format!("vms/{hostname}/home/token"));
        let token = Token::presented(fs::read_to_string(file).unwrap().trim());
        agents::enrol(&self.db, self.pool, &hostname, &token).await.is_ok()
    }

    /// The pids of Terraform's that work here.
    pub fn terraforms(&self) -> Vec<i32> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let inside = fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.root.path()) && cwd.ends_with("terraform"));
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            inside && name.trim() == "terraform"
        })
        .collect()
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

impl Drop for Lab {
    fn drop(&mut self) {
        for pid in self.terraforms() {
            signal(pid, Signal::SIGKILL);
        }
        for folder in fs::read_dir(self.path("vms")).into_iter().flatten().flatten() {
            let script = self.programs.module.join("real-vm.sh");
            let _gone = Command::new("bash").arg(script).arg("remove").arg(folder.path()).output();
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
fn short(hostname: &str) -> String {
    hostname.trim_start_matches("lablink-vm-test-").to_owned()
}

pub fn admin() -> Actor {
    Actor::Admin("teacher".to_owned())
}
