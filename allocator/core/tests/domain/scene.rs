//! A pool in a database of its own, with the few steps that most tests begin with.

use std::sync::Arc;

use lablink_core::{
    Actor, Db, Email, Neighbours, Scope, Token,
    agents::{self, Bearer},
    claims::{self, Deliveries, Granted, Intake, Looks, Proof, Refusal, Request, RequestError},
    line::{self, JoinError, Joined, Person, Presented},
    operations::{self, LeaseError, OperationId, Taken, Target},
    pools::{Pool, Rules},
    vms::{self, VmId},
};
use lablink_protocol::{CrdCode, Hostname, VmStatus};
pub use lablink_test_db::kinds;
use lablink_test_db::{TestDb, rules};

pub struct Scene {
    pub database: Arc<TestDb>,
    pub db: Db,
    pub pool: Arc<Pool>,
    pub intake: Intake,
    pub looks: Looks,
    pub deliveries: Deliveries,
}

impl Scene {
    pub async fn new() -> Self {
        let database = Arc::new(TestDb::create().await);
        let db = Db::new(&database.config(), 16);
        let pool = Arc::new(Pool::open(&db, "test", rules()).await.unwrap());
        Self {
            database,
            db,
            pool,
            intake: Intake::default(),
            looks: Looks::default(),
            deliveries: Deliveries::default(),
        }
    }

    /// The same pool, by other rules.
    pub fn ruled(&self, change: impl FnOnce(&mut Rules)) -> Self {
        Self {
            database: Arc::clone(&self.database),
            db: self.db.clone(),
            pool: Arc::new(self.pool.ruled(change)),
            intake: self.intake.clone(),
            looks: self.looks.clone(),
            deliveries: self.deliveries.clone(),
        }
    }

    pub fn scope(&self) -> Scope {
        self.by(Actor::System)
    }

    pub fn by(&self, actor: Actor) -> Scope {
        Scope::new(&self.db, &self.pool, actor)
    }

    /// With `count` VMs whose agents have reported in.
    pub async fn with_running(count: u32) -> Self {
        let scene = Self::new().await;
        scene.launch(count).await;
        scene.sql("update vm set status = 'running'").await;
        scene
    }

    pub async fn launch(&self, count: u32) -> OperationId {
        operations::launch(&self.by(admin()), count).await.unwrap()
    }

    pub async fn hostnames_of(&self, id: OperationId) -> Vec<String> {
        let operation = operations::find(&self.scope(), id).await.unwrap().unwrap();
        operation.hostnames.iter().map(Hostname::to_string).collect()
    }

    pub async fn report(&self, hostname: &str, status: VmStatus) {
        let agent = self.by(Actor::Agent(name(hostname)));
        vms::set_status(&agent, &name(hostname), status).await.unwrap();
    }

    pub async fn claim(&self, email: &str, code: &str) -> Result<Granted, Refusal> {
        self.claim_with(email, code, None).await
    }

    pub async fn claim_from(
        &self,
        email: &str,
        neighbours: &Neighbours,
    ) -> Result<Granted, Refusal> {
        self.ask(email, "4/x", None, neighbours).await
    }

    pub async fn claim_with(
        &self,
        email: &str,
        code: &str,
        proof: Option<Proof>,
    ) -> Result<Granted, Refusal> {
        self.ask(email, code, proof, &alone()).await
    }

    async fn ask(
        &self,
        email: &str,
        code: &str,
        proof: Option<Proof>,
        neighbours: &Neighbours,
    ) -> Result<Granted, Refusal> {
        let email: Email = email.parse().unwrap();
        let code = CrdCode::from_command(&format!("--code={code}")).unwrap();
        let request = Request { email: &email, code: Some(&code), proof, neighbours, key: None };
        match claims::request(&self.scope(), &self.intake, &request).await {
            Ok(granted) => Ok(granted),
            Err(RequestError::Refused(refusal)) => Err(refusal),
            Err(RequestError::Db(error)) => panic!("{error:?}"),
        }
    }

    /// The token of this VM's agent, which has waited with it.
    pub async fn agent(&self, hostname: &str) -> Token {
        let vm = name(hostname);
        let token = agents::issue_enrolment(&self.scope(), &vm).await.unwrap().unwrap();
        let token = agents::enrol(&self.scope(), &vm, &token).await.unwrap();
        assert!(matches!(self.bearer(&token).await, Some(Bearer::Agent { .. })));
        agents::attend(&self.db, &vm).await.unwrap();
        token
    }

    pub async fn bearer(&self, token: &Token) -> Option<Bearer> {
        agents::identify(&self.scope(), token.hash()).await.unwrap()
    }

    /// After a claim, the VM's agent takes a new token and uses it.
    pub async fn renewed(&self, hostname: &str, token: &Token) -> Token {
        let vm = name(hostname);
        let new = agents::renew(&self.scope(), &vm, token.hash()).await.unwrap();
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
        line::join(&self.scope(), person, with).await
    }

    /// The row of the VM of this name that is there.
    pub async fn vm_id(&self, hostname: &str) -> VmId {
        vms::find(&self.scope(), &name(hostname)).await.unwrap().unwrap().id
    }

    pub async fn remove(&self, hostname: &str) {
        let id = self.vm_id(hostname).await;
        vms::remove(&self.by(admin()), &[id]).await.unwrap();
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

/// As the runner of its kind begins it.
pub async fn begin(taken: &Taken) -> Result<Vec<Target>, LeaseError> {
    if taken.operation.is::<operations::Replace>() {
        taken.lease.begin_anew().await
    } else {
        taken.lease.begin().await
    }
}

pub fn name(hostname: &str) -> Hostname {
    hostname.parse().unwrap()
}

pub fn admin() -> Actor {
    Actor::Admin("teacher".to_owned())
}

/// Somebody, at an address like any other.
pub fn alone() -> Neighbours {
    Neighbours::of([192, 0, 2, 1].into())
}
