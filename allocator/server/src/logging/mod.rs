mod memory;

use std::io::IsTerminal;

use lablink_web::OwnLog;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use self::memory::MemoryLayer;
use crate::cli::LogFormat;

/// Sends the log to standard error. `RUST_LOG` sets the level (`info` by default).
pub fn start(format: LogFormat) {
    tracing_subscriber::registry().with(filter()).with(standard_error(format)).init();
}

/// Sends the log to standard error, and keeps the last lines in memory.
pub fn start_and_keep(format: LogFormat) -> OwnLog {
    let kept = OwnLog::default();
    tracing_subscriber::registry()
        .with(MemoryLayer(kept.clone()))
        .with(filter())
        .with(standard_error(format))
        .init();
    kept
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"))
}

fn standard_error<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            log.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed()
        }
        LogFormat::Json => log.json().boxed(),
    }
}
