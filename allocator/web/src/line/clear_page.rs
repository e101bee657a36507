use askama::Template;
use jiff::Timestamp;

/// `/admin/line/clear`: asks before everybody's place is taken away.
#[derive(Template)]
#[template(path = "line/clear.html")]
pub struct ClearLinePage {
    pub places: usize,
    /// The line is longer than was counted.
    pub more: bool,
    /// How many of those that were counted have a machine kept for them.
    pub kept: usize,
    pub now: Timestamp,
}
