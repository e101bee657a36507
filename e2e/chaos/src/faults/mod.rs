//! Does to the world what the plan says, and notes when each cause began and ended.

mod agent;
mod allocator;
mod hang;
mod network;
mod postgres;
mod state;
mod terraform;
mod told;

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use self::told::{Done, Told};
use crate::{
    history::{Fault, Hits},
    load::Phase,
    plan::{Kind, Planned},
    world::{Stop, World},
};

/// Carries out the plan, each fault by itself, and returns when the last cause has ended.
pub async fn carry_out(world: Arc<World>, plan: Vec<Planned>, mut phase: watch::Receiver<Phase>) {
    let began = tokio::time::Instant::now();
    let keeper = Arc::new(state::Keeper::default());
    let mut running = JoinSet::new();
    for planned in plan {
        let due = began + Duration::from_millis(planned.at);
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            _over = phase.changed() => break,
        }
        keeper.look(&world);
        running.spawn(one(Arc::clone(&world), planned, Arc::clone(&keeper)));
    }
    running.join_all().await;
}

async fn one(world: Arc<World>, planned: Planned, keeper: Arc<state::Keeper>) {
    let recorder = &world.recorder;
    let began = recorder.now();
    let done = inject(&world, &planned, &keeper).await;
    let ended = recorder.now();
    let kind = serde_json::to_value(planned.kind).ok();
    let kind = kind.as_ref().and_then(|it| it.as_str()).unwrap_or("fault").to_owned();
    match done {
        Ok(Some(Told { hits, note })) => {
            recorder.history().faults.push(Fault { kind, hits, began, ended, note });
        }
        Ok(None) => {}
        Err(error) => {
            // Half of it may have been done, to anybody.
            let note = format!("not carried out whole: {error:#}");
            recorder.history().faults.push(Fault {
                kind,
                hits: Hits::Everybody,
                began,
                ended,
                note,
            });
        }
    }
}

async fn inject(world: &World, planned: &Planned, keeper: &state::Keeper) -> Done {
    match planned.kind {
        Kind::AllocatorKill => allocator::kill(world, planned).await,
        Kind::AllocatorStop => allocator::stop(world, planned).await,
        Kind::AllocatorFreeze => allocator::freeze(world, planned).await,
        Kind::PostgresFast => postgres::restart(world, planned, Stop::Fast).await,
        Kind::PostgresImmediate => postgres::restart(world, planned, Stop::Immediate).await,
        Kind::BackendsTerminate => postgres::terminate(world, planned).await,
        Kind::NetworkStall => network::stall(world, planned).await,
        Kind::NetworkCut => network::cut(world, planned).await,
        Kind::NetworkVanish => network::vanish(world, planned),
        Kind::TerraformKill => terraform::kill(world, planned).await,
        Kind::TerraformKillWriting => terraform::kill_writing(world, planned).await,
        Kind::TerraformHang => hang::terraform(world, planned).await,
        Kind::VmScriptHang => hang::vm_script(world, planned).await,
        Kind::StateEmpty | Kind::StateCutOff | Kind::StateRollBack | Kind::StateForeign => {
            keeper.spoil(world, planned).await
        }
        Kind::AgentKill => agent::kill(world, planned).await,
    }
}
