use std::{slice, time::Duration};

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use crate::{
    operations::{Kind, Lane, LogLevel, Report},
    worker::{Attempt, Ended, Runner, Trouble, Turn},
};

/// Say hello to this VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Greet {
    pub hostname: Hostname,
}

impl Kind for Greet {
    const WORD: &'static str = "greet";
    const NAME: &'static str = "Greet";

    fn title(&self) -> String {
        format!("Greet {}", self.hostname)
    }

    fn hostnames(&self) -> &[Hostname] {
        slice::from_ref(&self.hostname)
    }

    fn lane(&self) -> Lane {
        Lane::of_vm(&self.hostname)
    }

    fn time_limit(&self) -> Duration {
        Duration::from_mins(1)
    }
}

pub struct Greets;

impl Runner<Greet> for Greets {
    type Left = ();

    async fn attempt(&self, job: &Greet, turn: &mut Turn) -> Result<Attempt<()>, Trouble> {
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        let lines = [(LogLevel::Info, format!("Hello, {}", job.hostname))];
        let report = Report { done: 1, total: 1, lines: &lines, ..Report::default() };
        turn.lease.advance(&report).await?;
        Ok(Ended::Succeeded.into())
    }
}
