//! What somebody wants to be collected.

use lablink_core::pools::Extension;
use lablink_protocol::Hostname;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{AppState, http::Problem};

#[derive(Deserialize, ToSchema)]
pub struct Collect {
    /// Which VMs; none: all.
    #[serde(default, alias = "hostname")]
    #[schema(value_type = Vec<lablink_protocol::Hostname>)]
    pub hostnames: Vec<String>,
    /// The ending of the files. Absent, or empty as a form may send it: the configured one.
    #[schema(pattern = r"^(\.?[A-Za-z0-9][A-Za-z0-9._-]{0,31})?$")]
    pub extension: Option<String>,
}

/// What was asked for, or the configured one.
pub fn extension(state: &AppState, typed: Option<&str>) -> Result<Extension, Problem> {
    match typed.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(state.pool.rules.results.extension.clone()),
        Some(text) => {
            text.parse().map_err(|invalid| Problem::invalid(format!("extension: {invalid}")))
        }
    }
}

/// None: all.
pub fn hostnames(typed: &[String]) -> Result<Option<Vec<Hostname>>, Problem> {
    let parsed: Result<Vec<Hostname>, _> = typed.iter().map(|text| text.parse()).collect();
    let parsed = parsed.map_err(|invalid| Problem::invalid(format!("hostname: {invalid}")))?;
    Ok(Some(parsed).filter(|hostnames| !hostnames.is_empty()))
}
