//! Claims that are asked for at the same moment are written together.
//!
//! Each commit that notifies waits for the one before it, and for the disk: a class that clicks at
//! once would wait for as many commits as it has people.

use super::assign::{Locked, NewClaim, Outcome, assign};
use crate::{
    DbError, Scope,
    db::{Question, Together},
};

/// Requests for VMs on their way to the database. One for each process; clones are the same one.
#[derive(Clone, Default)]
pub struct Intake(Together<Wanted>);

#[derive(Clone)]
struct Wanted {
    scope: Scope,
    claim: NewClaim,
}

impl Intake {
    /// Takes a VM for a claim. None: it was asked for together with others, and that failed; whether
    /// a VM was taken is not known.
    pub(super) async fn assign(
        &self,
        scope: &Scope,
        claim: &NewClaim,
    ) -> Result<Option<Outcome>, DbError> {
        self.0.ask(&Wanted { scope: scope.clone(), claim: claim.clone() }).await
    }
}

impl Question for Wanted {
    type Answer = Outcome;

    /// One works while another commits.
    const AT_WORK: usize = 2;
    /// A statement locks as many VMs.
    const TOGETHER: usize = 64;

    fn goes_with(&self, other: &Self) -> bool {
        self.scope.pool.as_i64() == other.scope.pool.as_i64()
            && self.claim.needs_tab() == other.claim.needs_tab()
    }

    async fn ask(wanted: &[Self]) -> Result<Vec<Outcome>, DbError> {
        let Some(Self { scope, .. }) = wanted.first() else { return Ok(Vec::new()) };
        let claims: Vec<&NewClaim> = wanted.iter().map(|wanted| &wanted.claim).collect();
        let client = scope.client().await?;
        assign(&client, &scope.pool, &claims, Locked::Skip).await
    }
}
