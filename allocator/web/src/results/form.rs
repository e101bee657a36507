//! What somebody wants to be collected.

use lablink_core::{pools::Extension, vms::Selection};
use lablink_protocol::Hostname;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{AppState, http::Problem, vms::listing::Listing};

#[derive(Default, Deserialize, ToSchema)]
pub struct Collect {
    /// Which VMs; none: all.
    #[serde(default, alias = "hostname")]
    #[schema(value_type = Vec<lablink_protocol::Hostname>)]
    pub hostnames: Vec<String>,
    /// The ending of the files. Absent, or empty as a form may send it: the configured one.
    #[schema(pattern = r"^(\.?[A-Za-z0-9][A-Za-z0-9._-]{0,31})?$")]
    pub extension: Option<String>,
    /// A browser's list and its page, see [`Listing`]: if no VM is named, all of the list are meant.
    #[serde(default)]
    #[schema(ignore)]
    pub q: String,
    #[serde(default)]
    #[schema(ignore)]
    pub show: String,
    #[serde(default)]
    #[schema(ignore)]
    pub after: String,
    #[serde(default)]
    #[schema(ignore)]
    pub until: String,
}

impl Collect {
    pub fn listing(&self) -> Listing {
        Listing::sent_back(&self.q, &self.show, &self.after, &self.until)
    }

    pub fn selection(&self) -> Result<Selection, Problem> {
        match selection(&self.hostnames)? {
            Selection::All => Ok(Selection::Shown { view: self.listing().view()?, at_most: None }),
            named => Ok(named),
        }
    }
}

/// What was asked for, or the configured one.
pub fn extension(state: &AppState, typed: Option<&str>) -> Result<Extension, Problem> {
    match typed.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(state.pool.rules().results.extension.clone()),
        Some(text) => {
            text.parse().map_err(|invalid| Problem::invalid(format!("extension: {invalid}")))
        }
    }
}

/// None named: all.
pub fn selection(typed: &[String]) -> Result<Selection, Problem> {
    let parsed: Result<Vec<Hostname>, _> = typed.iter().map(|text| text.parse()).collect();
    let parsed = parsed.map_err(|invalid| Problem::invalid(format!("hostname: {invalid}")))?;
    Ok(if parsed.is_empty() { Selection::All } else { Selection::These(parsed) })
}
