//! The log forwarder's real program, run as AWS Lambda runs it.

mod payload;
mod runtime_api;

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::timeout;

pub use payload::{LogEvent, packed, subscription};
pub use runtime_api::Outcome;
use runtime_api::RuntimeApi;

/// Under this name its metrics are counted.
pub const FUNCTION_NAME: &str = "lablink_log_processor_test";
/// For a process that is ended in the middle of an invocation, so that a test does not wait.
const OVERDUE: Duration = Duration::from_secs(5);

/// A function with one process, which is ended with this.
pub struct Lambda {
    process: Child,
    runtime: RuntimeApi,
    output: NamedTempFile,
}

impl Lambda {
    /// Starts the program with nothing but these environment variables and Lambda's own.
    pub async fn start(environment: &[(&str, &str)]) -> Result<Self> {
        let runtime = RuntimeApi::start().await?;
        let output = NamedTempFile::new()?;
        let log = output.reopen()?;
        let process = Command::new(crate::programs::built("bootstrap")?)
            .env_clear()
            .envs(environment.iter().copied())
            .env("AWS_LAMBDA_RUNTIME_API", runtime.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", FUNCTION_NAME)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the forwarder does not start")?;
        Ok(Self { process, runtime, output })
    }

    /// Calls it with a payload and at most this much time. An answer after that is none: AWS would
    /// have ended the process.
    pub async fn invoke(&self, payload: &Value, time: Duration) -> Result<Outcome> {
        let answer = self.runtime.invoke(payload.to_string(), time);
        timeout(time, answer)
            .await
            .with_context(|| format!("no answer within its {time:?}:\n{}", self.output()))?
    }

    /// Its exit status, where it refuses to start.
    pub async fn ended(&mut self) -> Result<i32> {
        crate::eventually("the forwarder to end", OVERDUE, async || {
            Ok(self.process.try_wait()?.and_then(|status| status.code()))
        })
        .await
    }

    /// What it has written, as `CloudWatch` would keep it.
    pub fn output(&self) -> String {
        fs::read_to_string(self.output.path()).unwrap_or_default()
    }

    /// The metric lines among its output.
    pub fn metrics(&self) -> Vec<Value> {
        let output = self.output();
        let lines = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| !line["_aws"].is_null()).collect()
    }

    /// Most memory that it has had, in bytes.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.context("no VmHWM")?.trim().trim_end_matches(" kB").parse::<u64>()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _ended = self.process.wait();
    }
}
