use serde::Serialize;

/// Body of `POST /api/vm-metrics/{hostname}`, in unix seconds (contract §1.12).
#[derive(Default, Serialize)]
pub struct StartupTimes {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub cloud_init: Option<CloudInitTimes>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerTimes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_script: Option<ScriptRun>,
}

/// How the organiser's startup script went.
#[derive(Serialize)]
pub struct ScriptRun {
    /// How often it was tried.
    pub attempts: u32,
    /// How the last try ended; 0: well.
    pub exit_status: u8,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct CloudInitTimes {
    pub cloud_init_start: u64,
    pub cloud_init_end: u64,
    pub cloud_init_duration_seconds: u64,
}

#[derive(Serialize)]
pub struct ContainerTimes {
    pub container_start_time: u64,
    pub container_end_time: u64,
    pub container_startup_duration_seconds: u64,
}
