use std::fs;

use lablink_e2e::processes_of;

use super::{Done, Told};
use crate::{
    history::Hits,
    plan::Planned,
    world::{HUNG, World},
};

/// The next step of one kind never returns by itself.
pub async fn terraform(world: &World, planned: &Planned) -> Done {
    let step = ["init", "state", "apply"][planned.choice % 3];
    if step == "init" {
        // As after an upgrade: else it has run already.
        for allocator in 0..world.allocators.len() {
            let _never_was = fs::remove_file(world.workspace(allocator).join(".initialised"));
        }
    }
    hang(world, planned, &format!("terraform-{step}")).await
}

pub async fn vm_script(world: &World, planned: &Planned) -> Done {
    let verb = ["start", "stop", "remove"][planned.choice % 3];
    hang(world, planned, &format!("vm-{verb}")).await
}

async fn hang(world: &World, planned: &Planned, what: &str) -> Done {
    world.scripts.hang(what)?;
    tokio::time::sleep(planned.lasts()).await;
    if !world.scripts.hang_no_more(what) {
        return Ok(None);
    }
    let mut ended = 0;
    for process in processes_of(&world.folder)? {
        if process.command_line == HUNG {
            process.kill();
            ended += 1;
        }
    }
    Ok(Some(Told::new(Hits::Operations, format!("{what} hung; ended {ended} at last"))))
}
