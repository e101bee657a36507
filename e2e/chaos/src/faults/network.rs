use super::{Done, Told};
use crate::{history::Hits, plan::Planned, world::World};

pub async fn stall(world: &World, planned: &Planned) -> Done {
    let allocator = &world.allocators[planned.allocator];
    let Some(_trouble) = allocator.trouble() else { return Ok(None) };
    allocator.proxy.stall();
    tokio::time::sleep(planned.lasts()).await;
    allocator.proxy.mend();
    Ok(Some(Told::new(Hits::Allocator(planned.allocator), "no byte passed")))
}

pub async fn cut(world: &World, planned: &Planned) -> Done {
    let allocator = &world.allocators[planned.allocator];
    let Some(_trouble) = allocator.trouble() else { return Ok(None) };
    allocator.proxy.cut();
    tokio::time::sleep(planned.lasts()).await;
    allocator.proxy.mend();
    Ok(Some(Told::new(Hits::Allocator(planned.allocator), "closed and refused")))
}

/// The cause is over at once: new connections work.
pub fn vanish(world: &World, planned: &Planned) -> Done {
    let allocator = &world.allocators[planned.allocator];
    let Some(_trouble) = allocator.trouble() else { return Ok(None) };
    allocator.proxy.vanish();
    Ok(Some(Told::new(Hits::Allocator(planned.allocator), "open connections are dead in silence")))
}
