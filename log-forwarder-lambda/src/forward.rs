use anyhow::Context as _;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;

use crate::{
    allocator::{Allocator, DeliveryError},
    deadline::Deadline,
    dropped::{self, Dropped},
    part::Part,
    payload::{Batch, Subscription},
    settings::Settings,
};

/// What one invocation did, in messages.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    delivered: usize,
    dropped: usize,
}

/// Handles invocations, one after another.
pub struct Forwarder {
    allocator: Allocator,
}

impl Forwarder {
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let allocator = Allocator::new(settings).context("can't set up HTTPS")?;
        Ok(Self { allocator })
    }

    /// An error makes AWS bring the batch again, so that is for what may heal.
    pub async fn forward(&self, event: LambdaEvent<Subscription>) -> Result<Outcome, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let function = &context.env_config.function_name;
        let batch = match payload.unpack() {
            Ok(Some(batch)) => batch,
            Ok(None) => return Ok(Outcome::default()),
            Err(error) => {
                dropped::report(function, &Dropped::Batch, &told(error));
                return Ok(Outcome::default());
            }
        };
        self.hand_over(&batch, function, Deadline::of(&context)).await.map_err(|error| Diagnostic {
            error_type: "NotDelivered".to_owned(),
            error_message: told(error),
        })
    }

    async fn hand_over(
        &self,
        batch: &Batch,
        function: &str,
        deadline: Deadline,
    ) -> Result<Outcome, DeliveryError> {
        let mut outcome = Outcome::default();
        for part in Part::of(batch)? {
            match self.allocator.deliver(&part, deadline).await {
                Ok(()) => outcome.delivered += part.len(),
                Err(error) if error.is_permanent() => {
                    let dropped =
                        Dropped::Events { count: part.len(), log_stream: &batch.log_stream };
                    dropped::report(function, &dropped, &told(error));
                    outcome.dropped += part.len();
                }
                Err(error) => return Err(error),
            }
        }
        tracing::info!(
            delivered = outcome.delivered,
            dropped = outcome.dropped,
            log_stream = batch.log_stream,
            "batch forwarded"
        );
        Ok(outcome)
    }
}

/// An error with its causes, in one line.
fn told(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}
