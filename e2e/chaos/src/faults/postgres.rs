use super::{Done, Told};
use crate::{
    history::Hits,
    plan::Planned,
    world::{Stop, World},
};

pub async fn restart(world: &World, planned: &Planned, how: Stop) -> Done {
    world.postgres.restart(how, planned.lasts()).await?;
    Ok(Some(Told::new(Hits::Everybody, format!("{how:?}, away for {} ms", planned.lasts))))
}

pub async fn terminate(world: &World, planned: &Planned) -> Done {
    // From some of the connections to all of them.
    let part = [0.3, 0.7, 1.0][planned.choice % 3];
    let ended = world.postgres.terminate_backends(part).await?;
    Ok(Some(Told::new(Hits::Everybody, format!("{ended} connections"))))
}
