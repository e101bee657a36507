use std::{collections::HashMap, time::Duration};

use super::situation::Delivery;
use crate::{
    DbError, Scope,
    db::{Question, Together},
    events::{Change, Kind},
    ids::ClaimId,
};

/// Notes of commands that agents have fetched. Those of the same moment are written together: each
/// transaction that notifies waits for the one before it. One for each process; clones are the same
/// one.
#[derive(Clone, Default)]
pub struct Deliveries(Together<Note>);

#[derive(Clone)]
struct Note {
    scope: Scope,
    claim_id: ClaimId,
    command_no: i32,
}

impl Deliveries {
    /// Marks the command as fetched by the agent, and returns how long after it was given. Late or
    /// repeated calls change nothing and return none.
    pub async fn note(
        &self,
        scope: &Scope,
        delivery: &Delivery,
    ) -> Result<Option<Duration>, DbError> {
        let &Delivery { claim_id, command_no, .. } = delivery;
        let note = Note { scope: scope.clone(), claim_id, command_no };
        match self.0.ask(&note).await? {
            Some(after) => Ok(after),
            None => Ok(Note::ask(&[note]).await?.pop().flatten()),
        }
    }
}

const NOTE: &str = "
    with theirs as (
        select claim.id
        from unnest($1::bigint[], $2::integer[]) as fetched(id, command_no)
             join claim using (id, command_no)
        where claim.state = 'waiting' and claim.released_at is null
        order by claim.id for no key update of claim
    )
    update claim set state = 'connecting' from theirs where claim.id = theirs.id
    returning claim.id, claim.command_no, extract(epoch from clock_timestamp() - commanded_at)::float8 as after";

impl Question for Note {
    type Answer = Option<Duration>;

    const AT_WORK: usize = 1;
    const TOGETHER: usize = 256;

    fn goes_with(&self, other: &Self) -> bool {
        self.scope.pool.as_i64() == other.scope.pool.as_i64()
    }

    async fn ask(notes: &[Self]) -> Result<Vec<Option<Duration>>, DbError> {
        let Some(Self { scope, .. }) = notes.first() else { return Ok(Vec::new()) };
        let claims: Vec<ClaimId> = notes.iter().map(|note| note.claim_id).collect();
        let commands: Vec<i32> = notes.iter().map(|note| note.command_no).collect();
        crate::db::again!(async {
            let mut client = scope.client().await?;
            let mut change = Change::begin(scope, &mut client).await?;
            let statement = change.prepare_cached(NOTE).await?;
            let mut noted = HashMap::new();
            for row in change.query(&statement, &[&claims, &commands]).await? {
                let claim_id: ClaimId = row.try_get("id")?;
                let command_no: i32 = row.try_get("command_no")?;
                let after = Duration::try_from_secs_f64(row.try_get("after")?).ok();
                change.event(Kind::ClaimDelivered).of_claim(claim_id);
                noted.insert((claim_id, command_no), after);
            }
            if noted.is_empty() {
                return Ok(notes.iter().map(|_note| None).collect());
            }
            change.commit().await?;
            // Of one that came twice, the first counts.
            let after = |note: &Self| noted.remove(&(note.claim_id, note.command_no)).flatten();
            Ok(notes.iter().map(after).collect())
        })
    }
}
