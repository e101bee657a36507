use askama::Template;
use jiff::Timestamp;

/// `/admin/line/clear`: asks before everybody's place is taken away.
#[derive(Template)]
#[template(path = "line/clear.html")]
pub struct ClearLinePage {
    pub places: usize,
    /// So many of them have a machine kept.
    pub kept: usize,
    pub now: Timestamp,
}
