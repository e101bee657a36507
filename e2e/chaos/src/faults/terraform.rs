use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
use lablink_e2e::{Process, processes_of};

use super::{Done, Told};
use crate::{history::Hits, plan::Planned, world::World};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Somewhere in the middle of its work.
pub async fn kill(world: &World, planned: &Planned) -> Done {
    let Some(apply) = running(&world.folder, planned.lasts()).await? else { return Ok(None) };
    let pause = u64::try_from(planned.choice).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(pause)).await;
    apply.kill();
    Ok(Some(Told::new(Hits::Operations, format!("killed {pause} ms after it was seen"))))
}

/// As soon as its state's file changes: it may be empty then, or cut off.
pub async fn kill_writing(world: &World, planned: &Planned) -> Done {
    let Some(apply) = running(&world.folder, planned.lasts()).await? else { return Ok(None) };
    let state = world.state_file();
    let killed = tokio::task::spawn_blocking(move || {
        let before = version(&state);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            let now = version(&state);
            if now != before {
                apply.kill();
                return now.map(|(size, _)| size);
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        None
    });
    let Some(size) = killed.await? else { return Ok(None) };
    let note = format!("killed while it wrote its state, of which {size} bytes were there");
    Ok(Some(Told::new(Hits::Operations, note)))
}

fn version(state: &Path) -> Option<(u64, SystemTime)> {
    let metadata = fs::metadata(state).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// The Terraform that works, as soon as there is one.
async fn running(folder: &Path, patience: Duration) -> Result<Option<Process>> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        let mut all = processes_of(folder)?.into_iter();
        if let Some(apply) = all.find(|it| it.command_line.contains("terraform apply ")) {
            return Ok(Some(apply));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(None)
}
