use nix::sys::signal::Signal;

use super::{Done, Told};
use crate::{history::Hits, plan::Planned, world::World};

/// It vanishes in the middle, and is started again after a while.
pub async fn kill(world: &World, planned: &Planned) -> Done {
    let allocator = &world.allocators[planned.allocator];
    let Some(_trouble) = allocator.trouble() else { return Ok(None) };
    allocator.kill().await?;
    tokio::time::sleep(planned.lasts()).await;
    allocator.start().await?;
    Ok(Some(Told::new(Hits::Allocator(planned.allocator), "killed and started again")))
}

/// A service manager stops it and starts it again.
pub async fn stop(world: &World, planned: &Planned) -> Done {
    let allocator = &world.allocators[planned.allocator];
    let Some(_trouble) = allocator.trouble() else { return Ok(None) };
    allocator.stop().await?;
    tokio::time::sleep(planned.lasts()).await;
    allocator.start().await?;
    Ok(Some(Told::new(Hits::Allocator(planned.allocator), "stopped and started again")))
}

/// It stands still, as when its machine is suspended, and goes on as if nothing had been.
pub async fn freeze(world: &World, planned: &Planned) -> Done {
    let allocator = &world.allocators[planned.allocator];
    let Some(_trouble) = allocator.trouble() else { return Ok(None) };
    allocator.signal(Signal::SIGSTOP).await?;
    tokio::time::sleep(planned.lasts()).await;
    allocator.signal(Signal::SIGCONT).await?;
    Ok(Some(Told::new(Hits::Allocator(planned.allocator), "stood still")))
}
