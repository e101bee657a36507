use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri, uri::Authority},
};

use super::Problem;

/// Refuses posts that another site's page makes a browser send: the browser would add the
/// organiser's login by itself. Programs send neither header and pass. `host` is what the caller
/// called us by.
pub(super) fn refuse_cross_site(request: &Request, host: Option<&str>) -> Result<(), Problem> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || is_same_site(request.headers(), host) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "cross_site",
        "This request came from another site's page. Open LabLink itself and try there.",
    ))
}

fn is_same_site(headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    text("origin").is_none_or(|origin| host.is_some_and(|host| is_at(origin, host)))
}

/// Whether both are one place. A port may be left out where it is the scheme's own.
fn is_at(origin: &str, host: &str) -> bool {
    let (Ok(origin), Ok(host)) = (origin.parse::<Uri>(), host.parse::<Authority>()) else {
        return false;
    };
    let default = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let port = |at: &Authority| at.port_u16().unwrap_or(default);
    origin.authority().is_some_and(|origin| {
        origin.host().eq_ignore_ascii_case(host.host()) && port(origin) == port(&host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(pairs: &[(&'static str, &str)], host: Option<&str>) -> bool {
        let pairs =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_same_site(&pairs.collect(), host)
    }

    #[test]
    fn own_pages_and_programs_pass() {
        assert!(passes(&[], None));
        assert!(passes(&[("sec-fetch-site", "same-origin")], None));
        for (origin, host) in [
            ("http://lab:5000", "lab:5000"),
            ("http://lab.example.org", "lab.example.org:80"),
            ("http://lab.example.org:80", "lab.example.org"),
            ("https://lab.example.org", "lab.example.org:443"),
            ("https://lab.example.org:443", "lab.example.org"),
            ("https://lab.example.org", "LAB.example.org"),
            ("http://[2001:db8::7]", "[2001:db8::7]:80"),
        ] {
            assert!(passes(&[("origin", origin)], Some(host)), "{origin} at {host}");
        }
    }

    #[test]
    fn other_sites_do_not() {
        assert!(!passes(&[("sec-fetch-site", "cross-site")], Some("lab")));
        assert!(!passes(&[("sec-fetch-site", "same-site")], Some("lab")));
        for (origin, host) in [
            ("https://evil.example", "lab:5000"),
            ("null", "lab:5000"),
            ("http://lab:5001", "lab:5000"),
            ("http://lab", "lab:443"),
            ("https://lab", "lab:80"),
            ("ftp://lab:80", "lab:80"),
            ("http://lab:80@evil.example", "lab"),
        ] {
            assert!(!passes(&[("origin", origin)], Some(host)), "{origin} at {host}");
        }
        assert!(!passes(&[("origin", "http://lab")], None));
    }
}
