//! What the database holds at the end, read without our own programs.

use anyhow::{Context, Result};
use serde::Serialize;
use tokio_postgres::{Client, Row};

use crate::clock::At;

#[derive(Default, Serialize)]
pub struct Facts {
    pub vms: Vec<Vm>,
    pub claims: Vec<Claim>,
    pub places: Vec<Place>,
    pub operations: Vec<Operation>,
    pub events: Vec<Event>,
    /// Those that a forwarder sent with our ids, in the order in which they are read.
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Vm {
    pub id: i64,
    pub hostname: String,
    pub source: String,
    pub status: String,
    pub created: At,
    pub removed: Option<At>,
    /// It can be claimed now, as far as the row says.
    pub free: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    pub id: i64,
    pub vm_id: i64,
    pub email: String,
    pub state: String,
    pub pin: Option<String>,
    pub created: At,
    pub released: Option<At>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Place {
    pub id: i64,
    pub email: String,
    pub created: At,
    pub looked: At,
    pub offered: Option<At>,
    pub ended: Option<At>,
    /// When its offer went on because nobody reacted.
    pub passed: Option<At>,
}

impl Place {
    /// It is to have the next free VM.
    pub fn waits(&self) -> bool {
        let is_there = self.passed.is_none_or(|passed| self.looked > passed);
        self.ended.is_none() && self.offered.is_none() && is_there
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    pub id: i64,
    pub kind: String,
    pub state: String,
    pub hostnames: Vec<String>,
    /// The VMs that it is about and does not leave out, where it says so by id.
    pub vm_ids: Vec<i64>,
    pub created: At,
    pub cancel_requested: Option<At>,
    pub finished: Option<At>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub id: i64,
    pub at: At,
    pub kind: String,
    pub vm_id: Option<i64>,
    pub claim_id: Option<i64>,
    pub operation_id: Option<i64>,
    /// The place that it is about.
    pub place: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub vm_id: i64,
    pub event_id: String,
}

const MILLIS: &str = "* 1000)::bigint";

/// `extract` of a column, in milliseconds.
fn at(column: &str) -> String {
    format!("(extract(epoch from {column}) {MILLIS}")
}

pub async fn read(db: &Client) -> Result<Facts> {
    let vms = format!(
        "select id, hostname, source, status, {created}, {removed},
                claim_id is null and place_id is null and removed_at is null
                and removing_at is null and used_at is null and status = 'running'
                and token_due_at is null and barred_at is null
                and gpu is distinct from 'unhealthy'
                and not exists (select from vm_presence as seen where seen.vm_id = vm.id
                    and (seen.stopped or seen.last_seen < now() - interval '60 seconds'))
         from vm order by id",
        created = at("created_at"),
        removed = at("removed_at"),
    );
    let claims = format!(
        "select id, vm_id, email, state, pin, {created}, {released}, release_reason
         from claim order by id",
        created = at("created_at"),
        released = at("released_at"),
    );
    let places = format!(
        "select id, email, {created}, {looked}, {offered}, {ended}, {passed} from place order by id",
        created = at("created_at"),
        looked = at("last_looked_at"),
        offered = at("offered_at"),
        ended = at("ended_at"),
        passed = at("passed_at"),
    );
    let operations = format!(
        "select id, kind, state,
                array(select jsonb_array_elements_text(payload->'hostnames')) as hostnames,
                array(select vm_id from operation_target
                      where operation_id = operation.id and left_out is null) as vm_ids,
                {created}, {cancelled}, {finished}, reason
         from operation order by id",
        created = at("created_at"),
        cancelled = at("cancel_requested_at"),
        finished = at("finished_at"),
    );
    let events = format!(
        "select id, {at}, kind, vm_id, claim_id, operation_id, (data->>'place')::bigint
         from event order by id",
        at = at("at"),
    );
    let lines = "select vm_id, event_id from log_line where event_id like 'chaos-%'
                 order by vm_id, id";
    Ok(Facts {
        vms: all(db, &vms, vm).await?,
        claims: all(db, &claims, claim).await?,
        places: all(db, &places, place).await?,
        operations: all(db, &operations, operation).await?,
        events: all(db, &events, event).await?,
        lines: all(db, lines, line).await?,
    })
}

async fn all<T>(db: &Client, sql: &str, one: fn(&Row) -> Result<T>) -> Result<Vec<T>> {
    let rows = db.query(sql, &[]).await.with_context(|| format!("cannot read: {sql}"))?;
    rows.iter().map(one).collect()
}

fn vm(row: &Row) -> Result<Vm> {
    Ok(Vm {
        id: row.try_get(0)?,
        hostname: row.try_get(1)?,
        source: row.try_get(2)?,
        status: row.try_get(3)?,
        created: row.try_get(4)?,
        removed: row.try_get(5)?,
        free: row.try_get(6)?,
    })
}

fn claim(row: &Row) -> Result<Claim> {
    Ok(Claim {
        id: row.try_get(0)?,
        vm_id: row.try_get(1)?,
        email: row.try_get(2)?,
        state: row.try_get(3)?,
        pin: row.try_get(4)?,
        created: row.try_get(5)?,
        released: row.try_get(6)?,
        reason: row.try_get(7)?,
    })
}

fn place(row: &Row) -> Result<Place> {
    Ok(Place {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        created: row.try_get(2)?,
        looked: row.try_get(3)?,
        offered: row.try_get(4)?,
        ended: row.try_get(5)?,
        passed: row.try_get(6)?,
    })
}

fn operation(row: &Row) -> Result<Operation> {
    Ok(Operation {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        state: row.try_get(2)?,
        hostnames: row.try_get(3)?,
        vm_ids: row.try_get(4)?,
        created: row.try_get(5)?,
        cancel_requested: row.try_get(6)?,
        finished: row.try_get(7)?,
        reason: row.try_get(8)?,
    })
}

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        vm_id: row.try_get(3)?,
        claim_id: row.try_get(4)?,
        operation_id: row.try_get(5)?,
        place: row.try_get(6)?,
    })
}

fn line(row: &Row) -> Result<Line> {
    Ok(Line { vm_id: row.try_get(0)?, event_id: row.try_get(1)? })
}

impl Facts {
    /// The VM of a row.
    pub fn vm(&self, id: i64) -> Option<&Vm> {
        self.vms.iter().find(|vm| vm.id == id)
    }

    /// The rows that an operation is about: those it names by id, else those that had its names
    /// when it was queued.
    pub fn targets(&self, operation: &Operation) -> Vec<i64> {
        if !operation.vm_ids.is_empty() {
            return operation.vm_ids.clone();
        }
        let then = operation.created;
        let named = self.vms.iter().filter(|vm| {
            operation.hostnames.contains(&vm.hostname)
                && vm.created <= then
                && vm.removed.is_none_or(|removed| removed > then)
        });
        named.map(|vm| vm.id).collect()
    }

    /// The id of the first event of this kind about that claim, operation or place: ids follow the
    /// order of the locks that were taken, which times do not.
    pub fn event_of(&self, kind: &str, about: About) -> Option<i64> {
        let fits = |event: &&Event| {
            event.kind == kind
                && match about {
                    About::Claim(id) => event.claim_id == Some(id),
                    About::Operation(id) => event.operation_id == Some(id),
                }
        };
        self.events.iter().find(fits).map(|event| event.id)
    }
}

#[derive(Clone, Copy)]
pub enum About {
    Claim(i64),
    Operation(i64),
}
