use lablink_core::Cursor;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Problem;

const ENTRIES: u16 = 100;
const MOST: u16 = 1000;

/// Which page of a list a program asks for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,2}\\.[0-9]{1,18}$")]
    after: Option<String>,
    /// From 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

impl Page {
    /// None: it is the first one.
    pub fn after(&self) -> Result<Option<Cursor>, Problem> {
        Ok(self.after.as_deref().map(str::parse).transpose()?)
    }

    pub fn limit(&self) -> Result<u16, Problem> {
        let limit = self.limit.unwrap_or(ENTRIES);
        if (1..=MOST).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::invalid(format!("limit: must be from 1 to {MOST}.")))
        }
    }
}
