use crate::db::GenericClient;
use jiff::Timestamp;
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{remove_in, used::EARLIER_USE};
use crate::{
    Db, DbError, Token, agents, claims,
    claims::ReleaseReason,
    db::violated,
    events::{self, Event},
    once::{Asker, Sent},
    pools::PoolId,
    ssh::{self, StorableSshAccess},
};

/// A machine that somebody already has, on its way into the pool.
#[derive(Debug)]
pub struct Registered {
    pub hostname: Hostname,
    /// For one enrolment, within the hour.
    pub enrolment_token: Token,
    pub expires_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Names that LabLink gives to the VMs it makes.
    #[error(
        "Names that begin with lablink-vm- are for VMs that LabLink launches. Choose another one."
    )]
    Reserved,
    #[error("There is a machine of this name already. Choose another one, or remove that first.")]
    Taken,
    /// Only machines that were registered get another command.
    #[error("There is no machine of this name that was registered by hand.")]
    NoSuchMachine,
    #[error("the machine could not be registered")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RegisterError);

/// Adds a machine to the pool. It can be claimed once its agent has enrolled and reports that it
/// runs. Without a name it gets one; without `ssh` its results can't be collected.
pub async fn register(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    hostname: Option<Hostname>,
    ssh: Option<&StorableSshAccess>,
) -> Result<Registered, RegisterError> {
    let asker = asker.into();
    let hostname = match hostname {
        Some(hostname) if hostname.as_str().starts_with("lablink-vm-") => {
            return Err(RegisterError::Reserved);
        }
        Some(hostname) => hostname,
        None => made_up()?,
    };
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    if let Sent::Again(issued) = asker.sent(&transaction, pool).await? {
        return Ok(Registered::again(&asker, issued));
    }
    // One that left the pool with its last participant's traces comes back with them.
    let sql = format!(
        "insert into vm (pool_id, hostname, source, used_at, last_claim_id, barred_at)
         select $1, $2, 'manual', earlier.used_at, earlier.last_claim_id, earlier.barred_at
         from (select $2::text as hostname) as one left join {EARLIER_USE}
         returning id, pg_notify('vm_changed', hostname)::text"
    );
    let made = transaction.query_one(&sql, &[&pool.as_i64(), &hostname.as_str()]).await;
    let vm = made.map_err(|error| match violated(&error) {
        Some("vm_hostname_present") => RegisterError::Taken,
        _ => RegisterError::Db(error.into()),
    })?;
    let id = vm.try_get("id")?;
    if let Some(access) = ssh {
        ssh::store(&transaction, id, access).await?;
    }
    let event = Event { vm_id: Some(id), ..Event::new(&asker.actor, "vm.registered") };
    events::record(&transaction, pool, event).await?;
    let registered = enrolment(&transaction, pool, &asker, hostname).await?;
    transaction.commit().await?;
    Ok(registered)
}

/// Another command for a machine that was registered: the one before is void.
pub async fn renew_enrolment(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    hostname: Hostname,
) -> Result<Registered, RegisterError> {
    let asker = asker.into();
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    if let Sent::Again(issued) = asker.sent(&transaction, pool).await? {
        return Ok(Registered::again(&asker, issued));
    }
    let registered = enrolment(&transaction, pool, &asker, hostname).await?;
    transaction.commit().await?;
    Ok(registered)
}

/// What is stored of an enrolment that was issued: its token follows from the wish's key.
#[derive(Serialize, Deserialize)]
struct Issued {
    hostname: Hostname,
    expires_at: Timestamp,
}

impl Registered {
    fn again(asker: &Asker, Issued { hostname, expires_at }: Issued) -> Self {
        Self { hostname, enrolment_token: asker.token(ENROLMENT), expires_at }
    }
}

const ENROLMENT: &str = "enrolment";

async fn enrolment(
    client: &impl GenericClient,
    pool: PoolId,
    asker: &Asker,
    hostname: Hostname,
) -> Result<Registered, RegisterError> {
    let sql = "select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
               and source = 'manual' for no key update";
    let vm = client.query_opt(sql, &[&pool.as_i64(), &hostname.as_str()]).await?;
    let vm_id: i64 = vm.ok_or(RegisterError::NoSuchMachine)?.try_get("id")?;
    let token = asker.token(ENROLMENT);
    let expires_at = agents::issue_token(client, vm_id, &token).await?;
    let waits_again = "update vm set overdue_at = null where pool_id = $1 and hostname = $2
                       and removed_at is null and overdue_at is not null
                       returning pg_notify('vm_changed', hostname)::text";
    client.query(waits_again, &[&pool.as_i64(), &hostname.as_str()]).await?;
    let issued = Issued { hostname, expires_at };
    asker.keep(client, pool, &issued).await?;
    Ok(Registered { hostname: issued.hostname, enrolment_token: token, expires_at })
}

/// Takes a machine that LabLink did not make out of the pool. The machine itself is left alone;
/// its agent is no longer heard. `false`: there is no such machine.
pub async fn forget(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    hostname: &Hostname,
) -> Result<bool, DbError> {
    // A step of its own: where there is no such machine, the same wish may begin something else.
    let asker = asker.into().step("forget");
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        let sql = "select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
                   and source in ('manual', 'unknown') for no key update";
        let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&pool.as_i64(), &hostname.as_str()];
        let Some(vm) = transaction.query_opt(sql, &key).await? else { return Ok(false) };
        let reason = ReleaseReason::Released;
        let id: i64 = vm.try_get("id")?;
        claims::release_of_vm(&transaction, pool, id, reason, &asker.actor).await?;
        remove_in(&transaction, pool, &[id], &asker.actor).await?;
        asker.keep(&transaction, pool, &true).await?;
        transaction.commit().await?;
        Ok(true)
    })
}

fn made_up() -> Result<Hostname, DbError> {
    let value = format!("machine-{:06x}", rand::random::<u32>() & 0x00ff_ffff);
    value.parse().map_err(|_invalid| DbError::UnknownWord { column: "hostname", value })
}
