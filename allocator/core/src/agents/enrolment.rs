//! Enrolment: an enrolment token is traded for the agent's own token. It stays good until the
//! agent's token is used, since the answer may be lost.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Actor, Db, DbError, Scope, Token, TokenHash,
    db::{self, GenericClient},
    events::{Change, Kind},
    ids::VmId,
    rows::CHANGES_MACHINES,
};
use jiff::Timestamp;
use lablink_protocol::Hostname;

/// Why an enrolment is refused. All causes have one answer, so that a guesser learns nothing.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(
        "This enrolment token is not valid for this VM: it is unknown, used, or older than an hour. \
         The organiser's page of the VM gives another one, or makes the VM anew."
    )]
    Refused,
    #[error("the enrolment could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(EnrolError);

/// Makes a one-time enrolment token for a VM, good for an hour; the one before is void.
pub async fn issue_enrolment(scope: &Scope, hostname: &Hostname) -> Result<Option<Token>, DbError> {
    let mut issued = issue_enrolments(scope, std::slice::from_ref(hostname)).await?;
    Ok(issued.remove(hostname))
}

/// The same for many VMs at once. A name without a VM gets none.
pub async fn issue_enrolments(
    scope: &Scope,
    hostnames: &[Hostname],
) -> Result<BTreeMap<Hostname, Token>, DbError> {
    let tokens: Vec<Token> = hostnames.iter().map(|_| Token::random()).collect();
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let hashes: Vec<TokenHash> = tokens.iter().map(Token::hash).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(TokenHash::as_bytes).collect();
    let written = scope.client()
        .await?
        .query(
            "insert into enrolment (vm_id, token_sha256, expires_at)
             select vm.id, new.token_sha256, now() + interval '1 hour'
             from unnest($2::text[], $3::bytea[]) as new(hostname, token_sha256)
             join vm on vm.pool_id = $1 and vm.hostname = new.hostname and vm.removed_at is null
             on conflict (vm_id) do update
                 set token_sha256 = excluded.token_sha256, expires_at = excluded.expires_at, used_at = null
             returning (select hostname from vm where id = vm_id)",
            &[&scope.pool.as_i64(), &names, &hashes],
        )
        .await?;
    let written: BTreeSet<Hostname> =
        written.iter().map(|row| db::word(row, "hostname")).collect::<Result<_, _>>()?;
    let issued = hostnames.iter().cloned().zip(tokens);
    Ok(issued.filter(|(hostname, _)| written.contains(hostname)).collect())
}

/// Makes this token the one of the VM with this row, for an hour, and says until when.
pub(crate) async fn issue_token(
    client: &impl GenericClient,
    vm_id: VmId,
    token: &Token,
) -> Result<Timestamp, DbError> {
    let sql = "insert into enrolment (vm_id, token_sha256, expires_at)
               values ($1, $2, now() + interval '1 hour')
               on conflict (vm_id) do update
                   set token_sha256 = excluded.token_sha256, expires_at = excluded.expires_at, used_at = null
               returning expires_at";
    let row = client.query_one(sql, &[&vm_id, &token.hash().as_bytes()]).await?;
    Ok(row.try_get("expires_at")?)
}

/// Makes a token like [`issue_enrolment`]; none while an operation of the pool is at work that may
/// make this VM: the token that it has given out would be void.
pub async fn issue_while_idle(
    scope: &Scope,
    hostname: &Hostname,
) -> Result<Option<Token>, DbError> {
    let token = Token::random();
    let row = scope
        .client()
        .await?
        .query_opt(
            &format!(
                "insert into enrolment (vm_id, token_sha256, expires_at)
                 select id, $3, now() + interval '1 hour' from vm
                 where pool_id = $1 and hostname = $2 and removed_at is null
                   and not exists (
                       select from operation where pool_id = $1 and {CHANGES_MACHINES})
                 on conflict (vm_id) do update
                     set token_sha256 = excluded.token_sha256, expires_at = excluded.expires_at,
                         used_at = null
                 returning vm_id"
            ),
            &[&scope.pool.as_i64(), &hostname.as_str(), &token.hash().as_bytes()],
        )
        .await?;
    Ok(row.map(|_| token))
}

/// Trades an enrolment token for a new agent token, and once more for as long as nobody has used
/// that one. The agent token from before, if there was one, is void: the holder of the enrolment token is
/// the VM's agent now.
pub async fn enrol(
    scope: &Scope,
    hostname: &Hostname,
    presented: &Token,
) -> Result<Token, EnrolError> {
    crate::db::again!(async {
        let agent_token = Token::random();
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let vm = change
            .query_opt(
                "select id from vm
                 where pool_id = $1 and hostname = $2 and removed_at is null
                   and exists (select from enrolment where vm_id = vm.id and token_sha256 = $3)
                 for no key update",
                &[&scope.pool.as_i64(), &hostname.as_str(), &presented.hash().as_bytes()],
            )
            .await?
            .ok_or(EnrolError::Refused)?;
        let vm_id: VmId = vm.try_get("id")?;
        let enrolment = change
            .query_opt(
                "select used_at is null as fresh from enrolment
                 where vm_id = $1 and token_sha256 = $2 and expires_at > now() for update",
                &[&vm_id, &presented.hash().as_bytes()],
            )
            .await?
            .ok_or(EnrolError::Refused)?;
        let fresh: bool = enrolment.try_get("fresh")?;
        // A token that is used for the first time at this moment stays, since its row is checked
        // again.
        let hash = agent_token.hash();
        let written = if fresh {
            change
                .execute("update enrolment set used_at = now() where vm_id = $1", &[&vm_id])
                .await?;
            let sql = "insert into agent_credential (vm_id, token_sha256) values ($1, $2)
                       on conflict (vm_id) do update
                           set token_sha256 = excluded.token_sha256, created_at = now(),
                               next_sha256 = null, first_used_at = null";
            change.execute(sql, &[&vm_id, &hash.as_bytes()]).await?
        } else {
            let sql = "update agent_credential
                       set token_sha256 = $2, next_sha256 = null, created_at = now()
                       where vm_id = $1 and first_used_at is null";
            change.execute(sql, &[&vm_id, &hash.as_bytes()]).await?
        };
        if written == 0 {
            return Err(EnrolError::Refused);
        }
        let actor = Actor::Agent(hostname.clone());
        change.event(Kind::VmEnrolled).of_vm(vm_id).by(actor);
        change.commit().await?;
        Ok(agent_token)
    })
}

/// A condition on a row of `vm`: its agent has never shown a token of its own, long after it could
/// have.
pub(crate) const NEVER_ENROLLED: &str = "(
    vm.status = 'initializing'
    and not exists (select from agent_credential where vm_id = vm.id and first_used_at is not null)
    and exists (
        select from enrolment
        where vm_id = vm.id and expires_at - interval '1 hour' < now() -
              case vm.source when 'local' then interval '20 seconds' else interval '15 minutes' end
    ))";

/// Whether a VM that is there waits in vain for its agent: see [`NEVER_ENROLLED`].
pub async fn has_never_enrolled(db: &Db, vm_id: VmId) -> Result<bool, DbError> {
    let sql = format!("select {NEVER_ENROLLED} from vm where id = $1 and removed_at is null");
    let row = db.client().await?.query_opt(&sql, &[&vm_id]).await?;
    row.map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// Makes an enrolment token for a VM whose agent has never shown a token of its own; none for
/// every other one.
pub async fn issue_to_newcomer(
    scope: &Scope,
    vm_id: VmId,
    hostname: &Hostname,
) -> Result<Option<Token>, DbError> {
    let sql = "select from agent_credential where vm_id = $1 and first_used_at is not null";
    match scope.client().await?.query_opt(sql, &[&vm_id]).await? {
        Some(_known) => Ok(None),
        None => issue_enrolment(scope, hostname).await,
    }
}
