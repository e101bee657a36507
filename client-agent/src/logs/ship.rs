use std::{path::Path, time::Duration};

use tracing::warn;

use super::{LogSettings, OwnLines, file::Positions};
use crate::{
    allocator::{Api, LogBatch, backoff::jittered, retry},
    state_dir::StateDir,
};

const SEND_EVERY: Duration = Duration::from_secs(5);
/// The first lines come quickly, for people who watch a machine start.
const FIRST: Duration = Duration::from_secs(1);
/// When an allocator that does not want lines is asked again.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// Sends log lines, for ever: in the order of each source, until the allocator has taken them.
pub async fn ship(api: &Api, state: &StateDir, own: &OwnLines, settings: LogSettings) {
    let mut positions = Positions::load(state);
    let mut pause = FIRST;
    loop {
        tokio::time::sleep(jittered(pause)).await;
        pause = SEND_EVERY;
        while let Some((batch, last)) = own.batch() {
            send(api, &batch).await;
            own.forget(last);
        }
        for path in &settings.files {
            ship_file(api, &mut positions, path).await;
        }
    }
}

async fn ship_file(api: &Api, positions: &mut Positions<'_>, path: &Path) {
    loop {
        match positions.next(path) {
            Ok(None) => return,
            Ok(Some((batch, position))) => {
                send(api, &batch).await;
                positions.note(path, position);
            }
            Err(problem) => {
                warn!("can't follow the log {}: {problem}", path.display());
                return tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
    }
}

/// A batch that is refused for what it says would be refused again: it is dropped.
async fn send(api: &Api, batch: &LogBatch) {
    let sent = retry::until_answered("sending the log", || api.send_log(batch)).await;
    if let Err(refusal) = sent {
        let lines = batch.messages.len();
        warn!("the allocator does not take {lines} log lines: {}", refusal.chain());
        tokio::time::sleep(AFTER_REFUSAL).await;
    }
}
