use askama::Template;
use jiff::Timestamp;

/// `/admin/line/clear`: asks before everybody's place is taken away.
#[derive(Template)]
#[template(path = "line/clear.html")]
pub struct ClearLinePage {
    pub places: i64,
    /// The line may be longer: it was not counted further.
    pub or_more: bool,
    /// How many of those that were counted have a machine kept for them.
    pub kept: i64,
    pub now: Timestamp,
}
