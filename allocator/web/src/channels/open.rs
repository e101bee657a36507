use std::time::Duration;

use lablink_core::{
    DbError,
    channels::{NewChannel, Right, ask, remind, withdraw},
};
use lablink_protocol::{ChannelTarget, Closing};
use tokio::time::{sleep, timeout};

use super::{relay::relay, watch::Watch};
use crate::{AppState, rendezvous::End};

/// How long an agent has to dial.
const PATIENCE: Duration = Duration::from_secs(20);
/// An answer that told an agent of a channel may have been lost.
const REMIND: Duration = Duration::from_secs(3);

/// Has the VM's agent dial, and relays until the end.
pub(super) async fn carry(mut watch: Watch, target: ChannelTarget, browser: End) {
    let (state, right) = (watch.state.clone(), watch.right.clone());
    let place = state.channels.enter(&right.hostname);
    let mut over = std::pin::pin!(async {
        tokio::select! {
            closing = watch.over() => closing,
            () = place.replaced.cancelled() => Closing::Replaced,
        }
    });
    let agent = tokio::select! {
        closing = &mut over => Err(closing),
        agent = summon(&state, &right, target) => agent.map_err(|_unasked| Closing::NoAnswer),
    };
    match agent {
        Ok(Some(agent)) => relay(browser, agent, over).await,
        Ok(None) => browser.close(Closing::NoAnswer).await,
        Err(closing) => browser.close(closing).await,
    }
}

/// The agent's end. None: it did not dial.
async fn summon(
    state: &AppState,
    right: &Right,
    target: ChannelTarget,
) -> Result<Option<End>, DbError> {
    let mut awaited = state.channels.expect();
    let new = NewChannel {
        id: &awaited.id.clone(),
        vm_id: right.vm_id,
        target,
        holder: state.channels.address(),
        secret: &awaited.secret.clone(),
        patience: PATIENCE,
    };
    ask(&state.db, &new).await?;
    let reminding = async {
        loop {
            sleep(REMIND).await;
            let _again = remind(&state.db, &right.hostname).await;
        }
    };
    let dialled = tokio::select! {
        dialled = timeout(PATIENCE, &mut awaited.agent) => dialled,
        () = reminding => return Ok(None),
    };
    match dialled {
        Ok(Ok(agent)) => Ok(Some(agent)),
        Ok(Err(_)) | Err(_) => {
            withdraw(&state.db, &awaited.id).await?;
            Ok(None)
        }
    }
}
