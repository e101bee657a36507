use lablink_protocol::Hostname;

use crate::http::Problem;

/// The VM that a body names. `missing` is what the original answers when it names none.
pub fn hostname(name: Option<&str>, missing: &str) -> Result<Hostname, Problem> {
    match name.map(str::trim) {
        None | Some("") => Err(Problem::missing(missing)),
        Some(name) => name.parse().map_err(|error| Problem::invalid(format!("hostname: {error}"))),
    }
}
