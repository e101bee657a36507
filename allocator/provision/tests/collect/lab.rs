use std::{
    fs,
    ops::Deref,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lablink_core::{
    Actor, Db, Scope, SecretKey,
    aws::Owner,
    collections::{self, Archive, Collect, CollectError, Collector, Retention, Wish},
    live::{self, Hub},
    operations::{self, Destroy, Operation, OperationId},
    pools::Pool,
    secrets::{AwsLogin, Vault},
    ssh::{FitAddresses, SshAccess},
    vms::{self, Selection},
    worker::{Runners, Worker, WorkerParts},
};
use lablink_protocol::Hostname;
use lablink_provision::{
    collect::{CollectorParts, Limits, ZipCollector},
    ssh::{Cloud, Machines},
    terraform::{AwsVms, Backend, Instances, Program, Provider, Workspace},
};
pub use lablink_test_db::kinds;
use lablink_test_db::{NobodyAsks, TestDb, rules};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    sshd::{Vm, keygen, program},
    unpack::{self, Tree},
};

/// A pool of machines that are reached over SSH.
pub struct SshLab {
    _database: TestDb,
    pub site: Site,
    private_key: String,
    public_key: String,
    _root: tempfile::TempDir,
}

/// What an allocator has to collect with.
pub struct Site {
    pub database: tokio_postgres::Config,
    pub db: Db,
    pub pool: Arc<Pool>,
    pub root: PathBuf,
    pub limits: Limits,
    pub retention: Retention,
    pub cloud: Option<Cloud>,
    pub ssh_addresses: FitAddresses,
}

/// An allocator's worker at work.
pub struct Working {
    pub shutdown: CancellationToken,
    pub task: AbortOnDropHandle<()>,
    _listening: AbortOnDropHandle<()>,
}

impl Deref for SshLab {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl SshLab {
    pub async fn new() -> Self {
        let database = TestDb::create().await;
        let root = tempfile::Builder::new().prefix("lablink-collect-").tempdir().unwrap();
        // VMs may read as somebody else.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(root.path().join("collections")).unwrap();
        fs::create_dir_all(root.path().join("vms")).unwrap();
        let (private_key, public_key) = keygen(&root.path().join("key"));
        // Nothing of ours writes it anywhere, so no test finds it but who looks for it.
        fs::remove_file(root.path().join("key")).unwrap();
        let site = Site::at(database.config(), root.path()).await;
        Self { _database: database, site, private_key, public_key, _root: root }
    }

    /// A machine that runs, and is registered with its SSH access.
    pub async fn vm(&self, hostname: &str) -> Vm {
        let vm = Vm::start(&self.root.join(hostname), &self.public_key);
        self.register(hostname, vm.port).await;
        vm
    }

    /// The private key as other people's programs want it.
    pub fn key_file(&self) -> PathBuf {
        let path = self.path("key");
        fs::write(&path, &self.private_key).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub async fn register(&self, hostname: &str, port: u16) {
        self.register_at(hostname, "127.0.0.1", port).await;
    }

    pub async fn register_at(&self, hostname: &str, address: &str, port: u16) {
        let access = SshAccess {
            address: address.parse().unwrap(),
            port: port.try_into().unwrap(),
            login: login().parse().unwrap(),
            private_key: self.private_key.parse().unwrap(),
            directory: None,
        };
        let sealed = access.storable(Some(&secret_key())).unwrap();
        vms::register(&self.by(admin()), Some(name(hostname)), Some(&sealed)).await.unwrap();
    }

    /// Terraform, as far as it tells what a cloud's state says: VMs at this address, with our key.
    pub async fn state_with_vm_at(&mut self, hostname: &str, address: &str) {
        let resource = |kind: &str, instance: serde_json::Value| {
            serde_json::json!({ "mode": "managed", "type": kind, "name": "vm",
                "instances": [instance] })
        };
        let instance = serde_json::json!({ "index_key": hostname, "attributes": {
            "id": "i-0", "public_ip": address, "private_ip": "10.0.0.7" } });
        let key = serde_json::json!({ "attributes": { "private_key_openssh": self.private_key } });
        let state = serde_json::json!({ "version": 4, "lineage": "a", "outputs": {}, "resources": [
            resource("aws_instance", instance), resource("tls_private_key", key),
        ]});
        fs::write(self.path("state.json"), state.to_string()).unwrap();
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = version ] && {{ echo '{{\"terraform_version\": \"1.11.4\"}}'; exit; }}\n\
             cat '{}'\n",
            self.path("state.json").display()
        );
        program(&self.path("terraform"), &text);
        let found = Program::find(&self.path("terraform")).await.unwrap();
        let (module, folder) = (self.path("module"), self.root.clone());
        let state = self.path("state");
        let provider = Provider::Aws(AwsVms {
            startup_script: None,
            owner: Owner { environment: "test".to_owned(), deployment: None },
            instances: Instances {
                other_types: Vec::new(),
                zones: Vec::new(),
                spot: None,
                root_gb: 80,
                kms_key: None,
                public_address: true,
            },
            // Results need nothing of AWS but what the state says.
            api: Arc::new(NobodyAsks),
        });
        let workspace = Workspace::new(found, provider, module, folder, Backend::File(state));
        let aws = Arc::new(AwsLogin::new(None, Vault::new(None)));
        self.site.cloud = Some(Cloud { workspace, aws });
    }

    /// A VM that is a folder on this machine.
    pub async fn local_vm(&self, number: u32) -> PathBuf {
        let hostname = format!("lablink-vm-test-{number}");
        self.sql(&format!(
            "insert into vm (pool_id, hostname, number, source)
             select id, '{hostname}', {number}, 'local' from pool"
        ))
        .await;
        let folder = self.root.join("vms").join(hostname);
        fs::create_dir_all(folder.join("home/Desktop")).unwrap();
        folder
    }
}

impl Site {
    pub async fn at(database: tokio_postgres::Config, root: &Path) -> Self {
        let db = Db::new(&database, 8);
        let pool = Arc::new(Pool::open(&db, "test", rules()).await.unwrap());
        let limits = Limits {
            at_once: 8,
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            per_vm: Duration::from_mins(5),
            bytes_per_vm: 10_000_000_000,
            slowest: 0,
            reserve: 1_000_000_000,
        };
        // Its machines' SSH servers are processes here.
        let ssh_addresses = FitAddresses::RemoteOrLoopback;
        let retention = Retention { age: Duration::from_hours(1), bytes: i64::MAX, archives: 100 };
        Self {
            database,
            db,
            pool,
            root: root.to_owned(),
            limits,
            retention,
            cloud: None,
            ssh_addresses,
        }
    }

    pub fn collector(&self) -> Arc<ZipCollector> {
        let parts = CollectorParts {
            scope: self.scope(),
            machines: Machines {
                scope: self.scope(),
                secret_key: Some(secret_key()),
                ssh_addresses: self.ssh_addresses,
                local: Some(self.root.join("vms")),
                cloud: self.cloud.clone(),
            },
            limits: self.limits,
            directory: self.root.join("collections"),
            retention: self.retention,
            owner: "lab".to_owned(),
        };
        Arc::new(ZipCollector::new(parts).unwrap())
    }

    /// What a plain download of all VMs gives, unpacked.
    pub async fn download(&self) -> Result<Tree, CollectError> {
        let archive = self.collector().collect(&wish(None)).await?;
        let path = self.path("download.zip");
        fs::write(&path, whole(archive).await).unwrap();
        Ok(self.unpacked(&path))
    }

    pub fn unpacked(&self, archive: &Path) -> Tree {
        let to = tempfile::tempdir_in(&self.root).unwrap();
        unpack::with_python(archive, to.path())
    }

    pub fn work(&self) -> Working {
        let (db, hub) = (Db::new(&self.database, 4), Hub::default());
        let listening = tokio::spawn(live::listen(self.database.clone(), hub.clone()));
        let worker = Worker::new(WorkerParts {
            scope: Scope::new(&db, &self.pool, Actor::System),
            hub,
            owner: "lab".to_owned(),
            runners: Arc::new(
                Runners::default()
                    .with::<Collect>(&self.collector())
                    .refusing::<Destroy>("This allocator makes and removes no VMs."),
            ),
        });
        let shutdown = CancellationToken::new();
        let task = AbortOnDropHandle::new(tokio::spawn(worker.run(shutdown.clone())));
        Working { shutdown, task, _listening: AbortOnDropHandle::new(listening) }
    }

    pub fn scope(&self) -> Scope {
        self.by(Actor::System)
    }

    pub fn by(&self, actor: Actor) -> Scope {
        Scope::new(&self.db, &self.pool, actor)
    }

    pub async fn ask(&self) -> OperationId {
        let slp = "slp".parse().unwrap();
        collections::collect(&self.by(admin()), &Selection::All, slp).await.unwrap()
    }

    /// The operation at its end, which must come soon.
    pub async fn ended(&self, id: OperationId) -> Operation {
        let start = Instant::now();
        loop {
            let operation = self.operation(id).await;
            if operation.state.is_over() {
                return operation;
            }
            assert!(start.elapsed() < Duration::from_secs(300), "operation {id} does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn operation(&self, id: OperationId) -> Operation {
        operations::find(&self.scope(), id).await.unwrap().unwrap()
    }

    /// What lies where archives are kept.
    pub fn shelf(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("collections")).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn kept(&self, id: OperationId) -> Tree {
        self.unpacked(&self.path(&format!("collections/{id}.zip")))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub async fn sql(&self, statement: &str) {
        self.db.client().await.unwrap().batch_execute(statement).await.unwrap();
    }

    pub async fn text(&self, query: &str) -> Option<String> {
        self.db.client().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
    }
}

/// All bytes of an archive, which must be whole.
pub async fn whole(mut archive: Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = archive.chunks.recv().await {
        bytes.extend(chunk.unwrap());
    }
    bytes
}

pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn wish(hostnames: Option<&[&str]>) -> Wish {
    let hostnames = hostnames.map(|names| names.iter().map(|it| name(it)).collect());
    Wish { hostnames, extension: "slp".parse().unwrap() }
}

pub fn name(hostname: &str) -> Hostname {
    hostname.parse().unwrap()
}

pub fn admin() -> Actor {
    Actor::Admin("teacher".to_owned())
}

fn secret_key() -> SecretKey {
    "07".repeat(32).parse().unwrap()
}

/// The user that the tests run as: sshd lets nobody else in unless it is root.
fn login() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
    user.expect("our user has a name").name
}
