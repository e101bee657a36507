use std::ops::Deref;

use serde_json::{Value, json};

use super::budget;
use crate::{
    Actor, DbError, Scope,
    db::{Client, Transaction},
    events::Kind,
    ids::{ClaimId, OperationId, VmId},
    pools::Pool,
};

/// A transaction that changes something, with its events.
///
/// Its commit writes the events and sends the notifications that follow from them, in one
/// statement: about the VM of an event (also by its claim), its operation, the line, and the pool.
/// [`Self::touch`] names what changed without an event.
pub struct Change<'a> {
    transaction: Transaction<'a>,
    scope: &'a Scope,
    events: Vec<Event>,
    touched: Touched,
}

/// Something that happened.
pub struct Event {
    kind: Kind,
    /// None: the scope's.
    actor: Option<Actor>,
    vm_id: Option<VmId>,
    claim_id: Option<ClaimId>,
    operation_id: Option<OperationId>,
    data: Value,
}

/// Something that changed without an event, so that waiters have to look again.
#[derive(Clone, Copy, Debug)]
pub enum Touch {
    Vm(VmId),
    Operation(OperationId),
    /// The waiting line.
    Line,
}

#[derive(Default)]
struct Touched {
    vms: Vec<VmId>,
    operations: Vec<OperationId>,
    line: bool,
}

impl Event {
    /// Names the actor, if it is not the scope's.
    pub fn by(&mut self, actor: Actor) -> &mut Self {
        self.actor = Some(actor);
        self
    }

    pub fn of_vm(&mut self, id: VmId) -> &mut Self {
        self.vm_id = Some(id);
        self
    }

    pub fn of_claim(&mut self, id: ClaimId) -> &mut Self {
        self.claim_id = Some(id);
        self
    }

    pub fn of_operation(&mut self, id: OperationId) -> &mut Self {
        self.operation_id = Some(id);
        self
    }

    /// Adds the details of this kind: a JSON object.
    pub fn with(&mut self, data: Value) -> &mut Self {
        self.data = data;
        self
    }
}

impl<'a> Change<'a> {
    pub async fn begin(scope: &'a Scope, client: &'a mut Client) -> Result<Self, DbError> {
        let transaction = client.transaction().await?;
        Ok(Self { transaction, scope, events: Vec::new(), touched: Touched::default() })
    }

    pub fn scope(&self) -> &'a Scope {
        self.scope
    }

    pub fn pool(&self) -> &'a Pool {
        &self.scope.pool
    }

    /// Takes the pool's lock: requests that plan VMs, and changes of an operation's state, take turns.
    /// It is not `for update`, which would block every write of a row of this pool, and wait for
    /// transactions that hold a VM's row.
    pub(crate) async fn lock_pool(&self) -> Result<(), DbError> {
        let sql = "select from pool where id = $1 for no key update";
        self.execute(sql, &[&self.pool().as_i64()]).await?;
        Ok(())
    }

    /// Adds an event. The calls that follow say what it is about.
    pub fn event(&mut self, kind: Kind) -> &mut Event {
        self.events.push(Event {
            kind,
            actor: None,
            vm_id: None,
            claim_id: None,
            operation_id: None,
            data: json!({}),
        });
        let last = self.events.len() - 1;
        &mut self.events[last]
    }

    /// How many events there are so far.
    pub fn told(&self) -> u64 {
        self.events.len().try_into().unwrap_or(u64::MAX)
    }

    pub fn touch(&mut self, what: Touch) {
        match what {
            Touch::Vm(id) => self.touched.vms.push(id),
            Touch::Operation(id) => self.touched.operations.push(id),
            Touch::Line => self.touched.line = true,
        }
    }

    /// Writes the events, commits, and wakes the waiters. Refuses the whole change with
    /// [`DbError::TooManyReports`] if the agent of a VM has caused too many events lately.
    pub async fn commit(self) -> Result<(), DbError> {
        self.keep_within_budget().await?;
        self.tell().await?;
        self.transaction.commit().await?;
        Ok(())
    }

    /// Like [`Self::commit`], for a change that must take place even if the database refuses its
    /// history. Everything is one transaction, so no event gets lost between the two.
    pub(crate) async fn commit_even_untold(mut self) -> Result<(), DbError> {
        self.transaction.batch_execute("savepoint untold").await?;
        match self.tell().await {
            Err(refused) if !refused.is_away() && !refused.is_contended() => {
                let reason = crate::chain(&refused);
                tracing::error!(reason, "the database refuses the history of a change");
                self.transaction.batch_execute("rollback to savepoint untold").await?;
                for event in std::mem::take(&mut self.events) {
                    self.touched.vms.extend(event.vm_id);
                    self.touched.operations.extend(event.operation_id);
                }
                self.tell().await?;
            }
            told => told?,
        }
        self.transaction.commit().await?;
        Ok(())
    }

    fn actor_of<'b>(&'b self, event: &'b Event) -> &'b Actor {
        event.actor.as_ref().unwrap_or(&self.scope.actor)
    }

    async fn keep_within_budget(&self) -> Result<(), DbError> {
        for event in &self.events {
            if let (Actor::Agent(_) | Actor::UnprovenAgent, Some(vm_id)) =
                (self.actor_of(event), event.vm_id)
                && budget::is_used_up(&self.transaction, vm_id).await?
            {
                return Err(DbError::TooManyReports);
            }
        }
        Ok(())
    }

    async fn tell(&self) -> Result<(), DbError> {
        let Touched { vms, operations, line } = &self.touched;
        if self.events.is_empty() && vms.is_empty() && operations.is_empty() && !line {
            return Ok(());
        }
        let actors: Vec<String> =
            self.events.iter().map(|event| self.actor_of(event).to_string()).collect();
        let kinds: Vec<&str> = self.events.iter().map(|event| event.kind.as_str()).collect();
        let of_vms: Vec<_> = self.events.iter().map(|event| event.vm_id).collect();
        let of_claims: Vec<_> = self.events.iter().map(|event| event.claim_id).collect();
        let of_operations: Vec<_> = self.events.iter().map(|event| event.operation_id).collect();
        let data: Vec<&Value> = self.events.iter().map(|event| &event.data).collect();
        let line = *line || self.events.iter().any(|event| event.kind.is_of_line());
        let statement = self.transaction.prepare_cached(TELL).await?;
        self.transaction
            .query(
                &statement,
                &[
                    &self.pool().as_i64(),
                    &actors,
                    &kinds,
                    &of_vms,
                    &of_claims,
                    &of_operations,
                    &data,
                    vms,
                    operations,
                    &line,
                ],
            )
            .await?;
        Ok(())
    }
}

/// Events in the order in which they happened, and a notification for each topic.
const TELL: &str = "
    with new as (
        select * from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                             $7::jsonb[])
                      with ordinality as new(actor, kind, vm_id, claim_id, operation_id, data, place)
    ), written as (
        insert into event (pool_id, actor, kind, vm_id, claim_id, operation_id, data)
        select $1, actor, kind, vm_id, claim_id, operation_id, data from new order by place
    ), vms as (
        select coalesce(new.vm_id, claim.vm_id) as id
        from new left join claim on claim.id = new.claim_id
        union select unnest($8::bigint[])
    ), operations as (
        select operation_id as id from new where operation_id is not null
        union select unnest($9::bigint[])
    )
    select pg_notify('vm_changed', vm.hostname)::text from vm join vms on vms.id = vm.id
    union all select pg_notify('operation_changed', id::text)::text from operations
    union all select pg_notify('queue_changed', $1::bigint::text)::text
              where exists (select from operations)
    union all select pg_notify('line_changed', $1::bigint::text)::text where $10
    union all select pg_notify('pool_changed', $1::bigint::text)::text";

/// Statements of the transaction.
impl<'a> Deref for Change<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Transaction<'a> {
        &self.transaction
    }
}
