use jiff::Timestamp;
use lablink_core::line::Waiting;
use lablink_protocol::Hostname;
use serde::Serialize;
use utoipa::ToSchema;

/// A place in line.
#[derive(Serialize, ToSchema)]
pub struct PlaceBody {
    place_id: i64,
    email: String,
    since: Timestamp,
    last_looked_at: Timestamp,
    /// The VM that is kept for it.
    offered: Option<Hostname>,
    /// How many places came from the same address, this one included; null: they are not counted.
    of_address: Option<i64>,
    /// An organiser made it, and it is served first.
    invited: bool,
}

#[derive(Serialize, ToSchema)]
pub struct PlaceList {
    pub places: Vec<PlaceBody>,
    /// What `after` takes for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Waiting> for PlaceBody {
    fn from(place: Waiting) -> Self {
        let Waiting { id, email, since, last_looked_at, offered, of_address, is_invited } = place;
        Self {
            place_id: id.into(),
            email,
            since,
            last_looked_at,
            offered,
            of_address,
            invited: is_invited,
        }
    }
}
