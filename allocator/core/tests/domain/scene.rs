//! A pool in a database of its own, with the few steps that most tests begin with.

use std::time::Duration;

use lablink_core::{
    Actor, Db, Email, Neighbours, PerAddress, Token,
    agents::{self, Bearer},
    claims::{self, Granted, Proof, Reclaim, Refusal, Request, RequestError},
    line::{self, JoinError, Joined, Person, Presented},
    operations::{self, Kinds, LeaseError, OperationId, Taken, Target},
    pools::{self, PoolId},
    vms::{self, NewVms, Source, StaleAfter},
};
use lablink_protocol::{CrdCode, Hostname, VmStatus};
use lablink_test_db::TestDb;

pub const STALE_AFTER: StaleAfter = StaleAfter(Duration::from_secs(60));

pub struct Scene {
    pub database: TestDb,
    pub db: Db,
    pub pool: PoolId,
}

impl Scene {
    pub async fn new() -> Self {
        let database = TestDb::create().await;
        let db = Db::new(&database.config(), 16);
        let pool = pools::open(&db, "test").await.unwrap();
        Self { database, db, pool }
    }

    /// With `count` VMs whose agents have reported in.
    pub async fn with_running(count: u32) -> Self {
        let scene = Self::new().await;
        scene.launch(count).await;
        scene.sql("update vm set status = 'running'").await;
        scene
    }

    pub async fn launch(&self, count: u32) -> OperationId {
        let new = NewVms { environment: "test", source: Source::Local, count };
        operations::launch(&self.db, self.pool, &admin(), &new).await.unwrap()
    }

    pub async fn hostnames_of(&self, id: OperationId) -> Vec<String> {
        let operation = operations::find(&self.db, self.pool, id).await.unwrap().unwrap();
        operation.hostnames.iter().map(Hostname::to_string).collect()
    }

    pub async fn report(&self, hostname: &str, status: VmStatus) {
        let agent = Actor::Agent(name(hostname));
        vms::set_status(&self.db, self.pool, STALE_AFTER, &agent, &name(hostname), status)
            .await
            .unwrap();
    }

    pub async fn claim(&self, email: &str, code: &str) -> Result<Granted, Refusal> {
        self.claim_with(email, code, None, Reclaim::Link).await
    }

    pub async fn claim_from(
        &self,
        email: &str,
        neighbours: &Neighbours,
    ) -> Result<Granted, Refusal> {
        self.ask(email, "4/x", (None, Reclaim::Link), neighbours).await
    }

    pub async fn claim_with(
        &self,
        email: &str,
        code: &str,
        proof: Option<Proof>,
        reclaim: Reclaim,
    ) -> Result<Granted, Refusal> {
        self.ask(email, code, (proof, reclaim), &alone()).await
    }

    async fn ask(
        &self,
        email: &str,
        code: &str,
        (proof, reclaim): (Option<Proof>, Reclaim),
        neighbours: &Neighbours,
    ) -> Result<Granted, Refusal> {
        let email: Email = email.parse().unwrap();
        let code = CrdCode::from_command(&format!("--code={code}")).unwrap();
        let request = Request { email: &email, code: &code, proof, reclaim, neighbours, key: None };
        match claims::request(&self.db, self.pool, STALE_AFTER, &request).await {
            Ok(granted) => Ok(granted),
            Err(RequestError::Refused(refusal)) => Err(refusal),
            Err(RequestError::Db(error)) => panic!("{error:?}"),
        }
    }

    /// The token of this VM's agent, which has waited with it.
    pub async fn agent(&self, hostname: &str) -> Token {
        let vm = name(hostname);
        let token = agents::issue_enrolment(&self.db, self.pool, &vm).await.unwrap().unwrap();
        let token = agents::enrol(&self.db, self.pool, &vm, &token).await.unwrap();
        assert!(matches!(self.bearer(&token).await, Some(Bearer::Agent { .. })));
        agents::attend(&self.db, &vm).await.unwrap();
        token
    }

    pub async fn bearer(&self, token: &Token) -> Option<Bearer> {
        agents::identify(&self.db, self.pool, STALE_AFTER, token.hash()).await.unwrap()
    }

    /// After a claim, the VM's agent takes a new token and uses it.
    pub async fn renewed(&self, hostname: &str, token: &Token) -> Token {
        let vm = name(hostname);
        let new = agents::renew(&self.db, self.pool, &vm, token.hash()).await.unwrap();
        assert_eq!(self.bearer(&new).await, Some(Bearer::Agent { hostname: vm, attends: true }));
        new
    }

    pub async fn join(&self, email: &str, with: Presented) -> Result<Joined, JoinError> {
        self.join_from(email, with, &alone()).await
    }

    pub async fn join_from(
        &self,
        email: &str,
        with: Presented,
        neighbours: &Neighbours,
    ) -> Result<Joined, JoinError> {
        let email = email.parse().unwrap();
        let person = Person { email: &email, neighbours };
        line::join(&self.db, self.pool, STALE_AFTER, person, with, Reclaim::Link).await
    }

    /// The row of the VM of this name that is there.
    pub async fn vm_id(&self, hostname: &str) -> i64 {
        vms::find(&self.db, self.pool, &name(hostname)).await.unwrap().unwrap().id
    }

    pub async fn remove(&self, hostname: &str) {
        let id = self.vm_id(hostname).await;
        vms::remove(&self.db, self.pool, &[id], &admin()).await.unwrap();
    }

    /// For states that only time or an accident brings about.
    pub async fn sql(&self, statement: &str) {
        self.db.client().await.unwrap().batch_execute(statement).await.unwrap();
    }

    /// The one text that a query finds.
    pub async fn text(&self, query: &str) -> String {
        self.db.client().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
    }

    pub async fn count(&self, query: &str) -> i64 {
        self.db.client().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
    }
}

pub fn name(hostname: &str) -> Hostname {
    hostname.parse().unwrap()
}

/// As the runner of its kind begins it.
pub async fn begin(taken: &Taken) -> Result<Vec<Target>, LeaseError> {
    if taken.operation.is::<operations::Replace>() {
        taken.lease.begin_anew().await
    } else {
        taken.lease.begin().await
    }
}

/// The product's kinds of operations.
pub fn kinds() -> Kinds {
    Kinds::default()
        .with::<operations::Launch>()
        .with::<operations::Destroy>()
        .with::<operations::Replace>()
        .with::<operations::Collect>()
        .with::<operations::BringBack>()
        .with::<operations::GiveUp>()
        .with::<operations::Reboot>()
}

pub fn admin() -> Actor {
    Actor::Admin("teacher".to_owned())
}

/// Somebody whose address has no limits.
pub fn alone() -> Neighbours {
    Neighbours::of([192, 0, 2, 1].into(), PerAddress::UNLIMITED)
}
