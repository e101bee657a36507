//! Agents' credentials: an enrolment token, good once, becomes the agent's own token.

use std::collections::{BTreeMap, BTreeSet};

use lablink_protocol::Hostname;

use crate::{
    Actor, Db, DbError, Token, TokenHash, db,
    events::{self, Event},
    pools::PoolId,
};

/// Why an enrolment is refused. One answer for every cause: a guesser learns nothing.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(
        "This enrolment token is not valid for this VM: it is unknown, used, or older than an hour."
    )]
    Refused,
    #[error("the enrolment could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(EnrolError);

/// Makes a one-time enrolment token for a VM, good for an hour; the one before is void.
pub async fn issue_enrolment(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
) -> Result<Option<Token>, DbError> {
    let mut issued = issue_enrolments(db, pool, std::slice::from_ref(hostname)).await?;
    Ok(issued.remove(hostname))
}

/// The same for many VMs at once; there is none for a name that no VM has.
pub async fn issue_enrolments(
    db: &Db,
    pool: PoolId,
    hostnames: &[Hostname],
) -> Result<BTreeMap<Hostname, Token>, DbError> {
    let tokens: Vec<Token> = hostnames.iter().map(|_| Token::random()).collect();
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let hashes: Vec<TokenHash> = tokens.iter().map(Token::hash).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(TokenHash::as_bytes).collect();
    let written = db
        .client()
        .await?
        .query(
            "insert into enrolment (vm_id, token_sha256, expires_at)
             select vm.id, new.token_sha256, now() + interval '1 hour'
             from unnest($2::text[], $3::bytea[]) as new(hostname, token_sha256)
             join vm on vm.pool_id = $1 and vm.hostname = new.hostname and vm.removed_at is null
             on conflict (vm_id) do update
                 set token_sha256 = excluded.token_sha256, expires_at = excluded.expires_at, used_at = null
             returning (select hostname from vm where id = vm_id)",
            &[&pool.as_i64(), &names, &hashes],
        )
        .await?;
    let written: BTreeSet<Hostname> =
        written.iter().map(|row| db::word(row, "hostname")).collect::<Result<_, _>>()?;
    let issued = hostnames.iter().cloned().zip(tokens);
    Ok(issued.filter(|(hostname, _)| written.contains(hostname)).collect())
}

/// Makes a token like [`issue_enrolment`]; none while an operation of the pool is at work that may
/// make this VM: the token that it has given out would be void.
pub async fn issue_while_idle(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
) -> Result<Option<Token>, DbError> {
    let token = Token::random();
    let row = db
        .client()
        .await?
        .query_opt(
            "insert into enrolment (vm_id, token_sha256, expires_at)
             select id, $3, now() + interval '1 hour' from vm
             where pool_id = $1 and hostname = $2 and removed_at is null
               and not exists (
                   select from operation
                   where pool_id = $1 and state = 'running' and kind <> 'collect')
             on conflict (vm_id) do update
                 set token_sha256 = excluded.token_sha256, expires_at = excluded.expires_at, used_at = null
             returning vm_id",
            &[&pool.as_i64(), &hostname.as_str(), &token.hash().as_bytes()],
        )
        .await?;
    Ok(row.map(|_| token))
}

/// Trades an enrolment token for a new agent token, once. The agent token from before, if there
/// was one, is void: whoever holds a fresh enrolment token is the VM's agent now.
pub async fn enrol(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
    presented: &Token,
) -> Result<Token, EnrolError> {
    let agent_token = Token::random();
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let vm = transaction
        .query_opt(
            "with used as (
                 update enrolment set used_at = now() from vm
                 where vm.id = enrolment.vm_id and vm.pool_id = $1 and vm.hostname = $2
                   and vm.removed_at is null and enrolment.token_sha256 = $3
                   and enrolment.used_at is null and enrolment.expires_at > now()
                 returning vm.id
             )
             insert into agent_credential (vm_id, token_sha256) select id, $4 from used
             on conflict (vm_id) do update
                 set token_sha256 = excluded.token_sha256, created_at = now()
             returning vm_id",
            &[
                &pool.as_i64(),
                &hostname.as_str(),
                &presented.hash().as_bytes(),
                &agent_token.hash().as_bytes(),
            ],
        )
        .await?
        .ok_or(EnrolError::Refused)?;
    let actor = Actor::Agent(hostname.clone());
    let event = Event { vm_id: Some(vm.try_get("vm_id")?), ..Event::new(&actor, "vm.enrolled") };
    events::record(&transaction, pool, event).await?;
    transaction.commit().await?;
    Ok(agent_token)
}

/// Whose agent holds this token, if anybody's.
pub async fn identify(db: &Db, token: TokenHash) -> Result<Option<Hostname>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(
            "select vm.hostname from agent_credential join vm on vm.id = agent_credential.vm_id
             where agent_credential.token_sha256 = $1 and vm.removed_at is null",
        )
        .await?;
    let row = client.query_opt(&statement, &[&token.as_bytes()]).await?;
    row.map(|row| db::word(&row, "hostname")).transpose()
}
