use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use serde::Deserialize;
use tracing::{info, warn};

use crate::allocator::{Api, CloudInitTimes, ContainerTimes, ScriptRun, StartupTimes, retry};

const LOOK_EVERY: Duration = Duration::from_secs(15);
/// cloud-init that has not ended by then hangs, or waits for this very agent.
const LONGEST_CLOUD_INIT: Duration = Duration::from_secs(2 * 3600);

/// Where the agent reads how long this machine took to start.
#[derive(Args, Clone)]
pub struct StartupSettings {
    /// When the container's start script began, in seconds since 1970; the script sets it
    #[arg(long, env = "LABLINK_STARTED_AT", value_name = "SECONDS")]
    pub started_at: Option<u64>,

    /// How often the organiser's startup script was tried; the start script sets it
    #[arg(
        long,
        env = "LABLINK_SCRIPT_ATTEMPTS",
        value_name = "NUMBER",
        requires = "script_exit_status"
    )]
    pub script_attempts: Option<u32>,

    /// How its last try ended; the start script sets it
    #[arg(
        long,
        env = "LABLINK_SCRIPT_EXIT_STATUS",
        value_name = "STATUS",
        requires = "script_attempts"
    )]
    pub script_exit_status: Option<u8>,

    /// cloud-init's record of its stages; a machine without cloud-init has none
    #[arg(
        long,
        env = "LABLINK_CLOUD_INIT",
        value_name = "FILE",
        default_value = "/run/cloud-init/status.json"
    )]
    pub cloud_init: PathBuf,
}

/// Reports how long the container took, how the startup script went, and how long cloud-init took,
/// each as soon as it is known.
pub async fn report(api: &Api, settings: StartupSettings) {
    if let Some(start) = settings.started_at {
        let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let container = Some(ContainerTimes {
            container_start_time: start,
            container_end_time: end,
            container_startup_duration_seconds: end.saturating_sub(start),
        });
        tell(api, StartupTimes { container, ..StartupTimes::default() }).await;
    }
    let script = settings.script_attempts.zip(settings.script_exit_status);
    if let Some((attempts, exit_status)) = script {
        let startup_script = Some(ScriptRun { attempts, exit_status });
        tell(api, StartupTimes { startup_script, ..StartupTimes::default() }).await;
    }
    if let Some(cloud_init) = cloud_init(&settings.cloud_init).await {
        let cloud_init = Some(cloud_init);
        tell(api, StartupTimes { cloud_init, ..StartupTimes::default() }).await;
    }
}

async fn tell(api: &Api, times: StartupTimes) {
    let told = retry::until_answered("reporting the start's times", || api.report_startup(&times));
    match told.await {
        Ok(()) => info!("start's times reported"),
        Err(refusal) => warn!("the start's times are not wanted: {}", refusal.chain()),
    }
}

/// Waits for cloud-init to end, where there is one.
async fn cloud_init(record: &Path) -> Option<CloudInitTimes> {
    let looks = LONGEST_CLOUD_INIT.as_secs() / LOOK_EVERY.as_secs();
    for _ in 0..looks {
        match fs::read_to_string(record) {
            Ok(text) => {
                if let Some(times) = ended(&text) {
                    return Some(times);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!("can't read {}: {error}", record.display());
                return None;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    None
}

#[derive(Deserialize)]
struct Record {
    v1: Stages,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stages {
    init_local: Stage,
    modules_final: Stage,
}

#[derive(Deserialize)]
struct Stage {
    start: Option<f64>,
    finished: Option<f64>,
}

/// The times in cloud-init's `status.json`, once its last stage has ended. Half a file is none yet.
fn ended(record: &str) -> Option<CloudInitTimes> {
    let Record { v1 } = serde_json::from_str(record).ok()?;
    let whole = |seconds: f64| Duration::try_from_secs_f64(seconds).ok().map(|d| d.as_secs());
    let start = whole(v1.init_local.start?)?;
    let end = whole(v1.modules_final.finished?)?;
    Some(CloudInitTimes {
        cloud_init_start: start,
        cloud_init_end: end,
        cloud_init_duration_seconds: end.saturating_sub(start),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_init_is_over_when_its_last_stage_is() {
        let record = |finished: &str| {
            format!(
                r#"{{"v1": {{"datasource": "DataSourceEc2", "stage": null,
                   "init-local": {{"errors": [], "finished": 101.5, "start": 100.25}},
                   "init": {{"errors": [], "finished": 105.0, "start": 102.0}},
                   "modules-config": {{"errors": [], "finished": 107.0, "start": 106.0}},
                   "modules-final": {{"errors": [], "finished": {finished}, "start": 108.0}}}}}}"#
            )
        };
        assert_eq!(ended(&record("null")), None);
        assert_eq!(ended("{\"v1\": {"), None);
        let times = ended(&record("160.75")).unwrap();
        let expected = CloudInitTimes {
            cloud_init_start: 100,
            cloud_init_end: 160,
            cloud_init_duration_seconds: 60,
        };
        assert_eq!(times, expected);
    }
}
