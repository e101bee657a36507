//! The end of an attempt in which AWS had no room for some VMs: what was made is there to be used, and
//! the rest is tried elsewhere later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lablink_core::{
    DbError, chain,
    operations::{self, LeaseError, Stage, Standing, Step},
    placement::{self, Choice, Offer, Place, Refusal, Refused},
    startup, state,
    vms::{self, Unmet, VmId},
    worker::Turn,
};
use lablink_protocol::Hostname;

use super::{Provisioner, ProvisionerParts, reasons::TooLittle, run::Ran, work_error::WorkError};

impl Provisioner {
    /// Where VMs are made that were refused at their last try, as far as the configuration still
    /// allows that.
    pub(super) async fn placements(
        &self,
        new: &[Hostname],
        types: &[String],
    ) -> Result<BTreeMap<Hostname, Place>, DbError> {
        let ProvisionerParts { scope, workspace, .. } = &self.parts;
        let mut planned = placement::planned(scope, new).await?;
        planned.retain(|_, place| {
            types.contains(&place.machine_type) && workspace.provider.admits(&place.zone)
        });
        Ok(planned)
    }

    /// Writes what an attempt has done whose rest was refused. Writes nothing of any other one: it has
    /// done nothing.
    pub(super) async fn write_part(&self, turn: &Turn, ran: &mut Ran) -> Result<(), LeaseError> {
        if ran.progress.refused.is_empty() {
            return Ok(());
        }
        let (scope, id) = (&self.parts.scope, turn.operation.id);
        let refused = self.refused(turn, ran).await?;
        ran.progress.tell(&turn.lease).await?;
        state::made_by(scope, id).await?;
        self.look_afterwards(turn, ran).await?;
        vms::fail(scope, &self.failed(turn, ran).await?).await?;
        placement::put_off(scope, id, turn.operation.attempts, &refused).await?;
        startup::provisioned(scope, id).await?;
        Ok(())
    }

    /// The VMs that wait now, and where each is tried next; so do their steps say.
    async fn refused(&self, turn: &Turn, ran: &mut Ran) -> Result<Vec<Refused>, DbError> {
        let (scope, id) = (&self.parts.scope, turn.operation.id);
        let here = self.worked_on(turn).await?;
        let new: Vec<Refusal> = ran
            .progress
            .refused
            .iter()
            .map(|(hostname, TooLittle { shortage, words })| Refusal {
                hostname: hostname.clone(),
                attempt: turn.operation.attempts,
                place: ran.aims.places.get(hostname).cloned(),
                shortage: *shortage,
                reason: (*words).to_owned(),
                next: None,
                at: Timestamp::now(),
            })
            .collect();
        let mut all = placement::refusals(&scope.db, id, i64::MAX).await?;
        all.extend(new.clone());
        let offers = offers(ran);
        let mut choice = Choice::new(&offers, &all);
        let mut refused = Vec::with_capacity(new.len());
        for Refusal { hostname, place, shortage, reason, .. } in new {
            let Some(vm_id) = here.get(&hostname).copied() else { continue };
            let next = choice.next_place();
            let plan = match &next {
                Some(Place { machine_type, zone }) => {
                    format!("It is tried again as {machine_type} in {zone}.")
                }
                None => "It is tried again.".to_owned(),
            };
            let tried = place.as_ref().map_or_else(String::new, |Place { machine_type, zone }| {
                format!("Tried as {machine_type} in {zone}: ")
            });
            let detail = Some(format!("{tried}{reason} {plan}"));
            ran.progress.add(Step { stage: Stage::Waiting, detail, ..Step::waiting(hostname) });
            refused.push(Refused { vm_id, place, shortage, reason, next });
        }
        Ok(refused)
    }

    /// VMs that failed for reasons that do not pass: they are not tried again.
    async fn failed(&self, turn: &Turn, ran: &Ran) -> Result<Vec<Unmet>, DbError> {
        let here = self.worked_on(turn).await?;
        let errors = ran.progress.vm_errors.iter();
        let failed = errors.filter(|(name, _)| !ran.progress.refused.contains_key(*name));
        Ok(failed.filter_map(|(name, why)| Some((*here.get(name)?, why.clone()))).collect())
    }

    async fn worked_on(&self, turn: &Turn) -> Result<BTreeMap<Hostname, VmId>, DbError> {
        let targets = operations::targets(&self.parts.scope.db, turn.operation.id).await?;
        let targets = targets.into_iter();
        let there =
            targets.filter(|it| matches!(it.standing, Standing::Included | Standing::Replaced));
        Ok(there.map(|it| (it.hostname, it.vm_id)).collect())
    }

    /// Reads what was made. If that can't be read now, it is read later.
    async fn look_afterwards(&self, turn: &Turn, ran: &Ran) -> Result<(), DbError> {
        let broken: BTreeSet<Hostname> = ran.progress.vm_errors.keys().cloned().collect();
        let look = async {
            let workspace = self.workspace(turn.end_limit()).await?;
            workspace.recover().await?;
            self.state_put_right(&workspace, &broken).await
        };
        match look.await {
            Ok(_) => self.parts.workspace.forget_unsettled(),
            Err(WorkError::Db(error)) => return Err(error),
            Err(error) => {
                tracing::error!(reason = chain(&error), "the state could not be read afterwards");
                self.put_right_later(turn.operation.id);
            }
        }
        Ok(())
    }
}

/// The types that VMs may be made of, with their zones.
fn offers(ran: &Ran) -> Vec<Offer> {
    let offer = |name: &String| {
        let zones = ran.aims.zones.get(name)?.clone();
        Some(Offer { machine_type: name.clone(), zones })
    };
    ran.types.iter().filter_map(offer).collect()
}
