use askama::Template;
use jiff::Timestamp;

/// `/admin/line/clear`: asks before everybody's place is taken away.
#[derive(Template)]
#[template(path = "line/clear.html")]
pub struct ClearLinePage {
    pub places: usize,
    /// How many of them have a machine kept for them.
    pub kept: usize,
    pub now: Timestamp,
}
