//! A place in line, as organisers' pages list it.

use jiff::Timestamp;
use lablink_core::{
    PageError, Scope,
    line::{self, Waiting},
};

pub struct PlaceRow {
    pub id: i64,
    pub email: String,
    pub since: Timestamp,
    pub last_looked_at: Timestamp,
    /// The VM that is kept for it.
    pub offered: Option<String>,
    /// How many places came from the same address, if that is counted.
    pub of_address: Option<i64>,
    /// An organiser made it.
    pub is_invited: bool,
}

impl PlaceRow {
    /// The first places in line, at most so many.
    pub async fn first(scope: &Scope, most: u16) -> Result<Vec<Self>, PageError> {
        let page = line::waiting(scope, None, most).await?;
        Ok(page.places.into_iter().map(Self::from).collect())
    }
}

impl From<Waiting> for PlaceRow {
    fn from(place: Waiting) -> Self {
        let Waiting { id, email, since, last_looked_at, offered, of_address, is_invited } = place;
        let offered = offered.map(|hostname| hostname.to_string());
        Self { id: id.into(), email, since, last_looked_at, offered, of_address, is_invited }
    }
}
