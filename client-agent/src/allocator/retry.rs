use std::time::Duration;

use tracing::{debug, info, warn};

use super::{backoff::Backoff, call_error::CallError};

/// Says once that something fails, and once that it works again, however often it was tried.
pub struct Trouble {
    what: &'static str,
    told: Option<String>,
}

impl Trouble {
    pub fn new(what: &'static str) -> Self {
        Self { what, told: None }
    }

    pub fn goes_on(&mut self, error: &CallError) {
        let reason = error.chain();
        if self.told.as_ref() == Some(&reason) {
            debug!("{} still fails: {reason}", self.what);
        } else {
            warn!("{} fails and is tried again: {reason}", self.what);
            self.told = Some(reason);
        }
    }

    pub fn is_over(&mut self) {
        if self.told.take().is_some() {
            info!("{} works again", self.what);
        }
    }
}

/// Calls until the allocator answers: a failure is only ever a final refusal of what is said.
pub async fn until_answered<T, A>(what: &'static str, call: impl Fn() -> A) -> Result<T, CallError>
where
    A: Future<Output = Result<T, CallError>>,
{
    let mut trouble = Trouble::new(what);
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
    loop {
        match call().await {
            Ok(answer) => {
                trouble.is_over();
                return Ok(answer);
            }
            Err(error) if error.is_final() && !error.is_about_credential() => return Err(error),
            Err(error) => {
                trouble.goes_on(&error);
                tokio::time::sleep(backoff.pause_of_at_least(error.retry_after())).await;
            }
        }
    }
}
