use lablink_core::{Scope, ssh};

use super::{Machine, Reach, trouble};

impl Machine {
    /// Takes a first contact's host key for the machine's own from now on. The error is a sentence.
    pub async fn remember(&mut self, scope: &Scope, learned: Option<String>) -> Result<(), String> {
        let (Reach::Ssh { host_key, .. }, Some(learned)) = (&mut self.reach, learned) else {
            return Ok(());
        };
        let known = ssh::remember_host_key(scope, &self.hostname, &learned).await;
        let known = known.map_err(|error| {
            format!("its host key could not be remembered, so it was left alone: {error}")
        })?;
        if known.as_deref().is_some_and(|known| known != learned) {
            return Err(trouble::CHANGED.to_owned());
        }
        *host_key = Some(learned);
        Ok(())
    }
}
