use anyhow::Context as _;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
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
    log_group: Option<String>,
}

impl Forwarder {
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let Settings { endpoint, token, log_group } = settings;
        let allocator = Allocator::new(endpoint, token).context("can't set up HTTPS")?;
        Ok(Self { allocator, log_group })
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
        if let Some(reason) = self.foreign(&batch, &context) {
            let (count, log_stream) = (batch.events.len(), &*batch.log_stream);
            dropped::report(function, &Dropped::Events { count, log_stream }, reason);
            return Ok(Outcome { delivered: 0, dropped: count });
        }
        self.hand_over(&batch, function, Deadline::of(&context)).await.map_err(|error| Diagnostic {
            error_type: "NotDelivered".to_owned(),
            error_message: told(error),
        })
    }

    /// Why the lines are not those of our VMs. Other callers of this function could otherwise
    /// put lines into their logs.
    fn foreign(&self, batch: &Batch, context: &Context) -> Option<&'static str> {
        // arn:aws:lambda:REGION:ACCOUNT:function:NAME
        let account = context.invoked_function_arn.split(':').nth(4);
        if account != Some(&*batch.owner) {
            return Some("the log group belongs to another account than this function");
        }
        let known = self.log_group.as_ref().is_none_or(|group| *group == batch.log_group);
        (!known).then_some("the lines come from another log group than LABLINK_LOG_GROUP")
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
