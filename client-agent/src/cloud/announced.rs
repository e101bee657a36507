use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{debug, info, warn};

use super::{CloudSettings, metadata::Metadata};
use lablink_protocol::CloudNotice;

/// A spot machine is told two minutes before; AWS advises to look every five seconds.
const EVERY: Duration = Duration::from_secs(5);
/// After so long without an answer that is worth a line in the log.
const LONG: Duration = Duration::from_secs(60);

/// Looks again and again, for ever, and passes on what is new.
pub async fn watch(settings: CloudSettings, newest: watch::Sender<Option<CloudNotice>>) {
    let Some(base) = settings.instance_metadata else { return pending().await };
    let mut metadata = match Metadata::new(base) {
        Ok(metadata) => metadata,
        Err(error) => {
            warn!("the machine's metadata can't be read: {error:#}");
            return pending().await;
        }
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered: Option<Instant> = None;
    loop {
        ticks.tick().await;
        match metadata.notice().await {
            Ok(notice) => {
                unanswered = None;
                newest.send_if_modified(|before| {
                    let is_new = before.as_ref() != Some(&notice);
                    if is_new && (before.is_some() || notice != CloudNotice::None) {
                        info!(?notice, "the cloud's announcement for this machine has changed");
                    }
                    *before = Some(notice);
                    is_new
                });
            }
            Err(error) => {
                debug!("{error}");
                let since = *unanswered.get_or_insert_with(Instant::now);
                if since.elapsed() > LONG {
                    let seconds = since.elapsed().as_secs();
                    warn!("the machine's metadata has not been read for {seconds} s: {error}");
                    unanswered = Some(Instant::now());
                }
            }
        }
    }
}
