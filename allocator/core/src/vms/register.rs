use super::{remove_in, used::EARLIER_USE};
use crate::{
    DbError, Scope, Token, agents,
    db::violated,
    events::{Change, Kind},
    ids::VmId,
    rows::{ReleaseReason, release_of_vm},
    scope::Sent,
    ssh::{self, StorableSshAccess},
};
use jiff::Timestamp;
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

/// A machine that somebody already has, on its way into the pool.
#[derive(Debug)]
pub struct Registered {
    pub hostname: Hostname,
    /// Good for one enrolment, within an hour.
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
    scope: &Scope,
    hostname: Option<Hostname>,
    ssh: Option<&StorableSshAccess>,
) -> Result<Registered, RegisterError> {
    let hostname = match hostname {
        Some(hostname) if hostname.as_str().starts_with("lablink-vm-") => {
            return Err(RegisterError::Reserved);
        }
        Some(hostname) => hostname,
        None => made_up()?,
    };
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    if let Sent::Again(issued) = scope.sent(&*change).await? {
        return Ok(Registered::again(scope, issued));
    }
    // A machine that left the pool used or barred comes back so.
    let sql = format!(
        "insert into vm (pool_id, hostname, source, used_at, last_claim_id, barred_at)
         select $1, $2, 'manual', earlier.used_at, earlier.last_claim_id, earlier.barred_at
         from (select $2::text as hostname) as one left join {EARLIER_USE}
         returning id"
    );
    let made = change.query_one(&sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await;
    let vm = made.map_err(|error| match violated(&error) {
        Some("vm_hostname_present") => RegisterError::Taken,
        _ => RegisterError::Db(error.into()),
    })?;
    let id = vm.try_get("id")?;
    if let Some(access) = ssh {
        ssh::store(&*change, id, access).await?;
    }
    change.event(Kind::VmRegistered).of_vm(id);
    let registered = enrolment(&mut change, hostname).await?;
    change.commit().await?;
    Ok(registered)
}

/// Makes another install command for a registered machine. The one before is void.
pub async fn renew_enrolment(
    scope: &Scope,
    hostname: Hostname,
) -> Result<Registered, RegisterError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    if let Sent::Again(issued) = scope.sent(&*change).await? {
        return Ok(Registered::again(scope, issued));
    }
    let registered = enrolment(&mut change, hostname).await?;
    change.commit().await?;
    Ok(registered)
}

/// The stored outcome of an enrolment that was issued. Its token follows from the wish's key.
#[derive(Serialize, Deserialize)]
struct Issued {
    hostname: Hostname,
    expires_at: Timestamp,
}

impl Registered {
    fn again(scope: &Scope, Issued { hostname, expires_at }: Issued) -> Self {
        Self { hostname, enrolment_token: scope.token(ENROLMENT), expires_at }
    }
}

const ENROLMENT: &str = "enrolment";

async fn enrolment(
    change: &mut Change<'_>,
    hostname: Hostname,
) -> Result<Registered, RegisterError> {
    let sql = "select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
               and source = 'manual' for no key update";
    let scope = change.scope();
    let vm = change.query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
    let vm_id: VmId = vm.ok_or(RegisterError::NoSuchMachine)?.try_get("id")?;
    let token = scope.token(ENROLMENT);
    let expires_at = agents::issue_token(&**change, vm_id, &token).await?;
    let waits_again = "update vm set overdue_at = null where id = $1 and overdue_at is not null";
    change.execute(waits_again, &[&vm_id]).await?;
    change.event(Kind::VmEnrolmentIssued).of_vm(vm_id);
    let issued = Issued { hostname, expires_at };
    scope.keep(&**change, &issued).await?;
    Ok(Registered { hostname: issued.hostname, enrolment_token: token, expires_at })
}

/// Takes a machine that LabLink did not make out of the pool. The machine itself is left alone;
/// its agent is no longer heard. `false`: there is no such machine.
pub async fn forget(scope: &Scope, hostname: &Hostname) -> Result<bool, DbError> {
    // A step of its own: if there is no such machine, the same wish may begin something else.
    let scope = &scope.step("forget");
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        let sql = "select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
                   and source in ('manual', 'unknown') for no key update";
        let key: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&scope.pool.as_i64(), &hostname.as_str()];
        let Some(vm) = change.query_opt(sql, &key).await? else { return Ok(false) };
        let reason = ReleaseReason::Released;
        let id: VmId = vm.try_get("id")?;
        release_of_vm(&mut change, id, reason).await?;
        remove_in(&mut change, &[id]).await?;
        scope.keep(&*change, &true).await?;
        change.commit().await?;
        Ok(true)
    })
}

fn made_up() -> Result<Hostname, DbError> {
    let value = format!("machine-{:06x}", rand::random::<u32>() & 0x00ff_ffff);
    value.parse().map_err(|_invalid| DbError::UnknownWord { column: "hostname", value })
}
