//! Refuses requests that another site's page makes a browser send: the browser would add the
//! organiser's login by itself.

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderName, Method, StatusCode, Uri,
        header::{ACCEPT, ACCEPT_LANGUAGE, ORIGIN, REFERER},
        uri::Authority,
    },
    middleware::Next,
    response::Response,
};

use crate::http::{Client, Problem};

/// Where a request comes from, as far as its headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A page of ours, or the address bar.
    Ours,
    /// A link to us on another site's page was followed, in a window of its own.
    Link,
    /// Another site's page did it behind its reader's back, or in a frame.
    OtherSite,
    /// Nothing tells: a program, or a browser that was asked not to say.
    Unknown,
}

/// Refuses requests from other sites, except reading by following a link. `host` is the name by
/// which the caller called us.
pub(super) fn refuse_cross_site(request: &Request, host: Option<&str>) -> Result<(), Problem> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match Source::of(request.headers(), host) {
        Source::Ours | Source::Unknown => Ok(()),
        Source::Link if reads => Ok(()),
        Source::Link | Source::OtherSite => Err(refusal()),
    }
}

/// For paths where reading alone does something: not even by following a link.
pub(crate) async fn from_here_alone(
    client: Client,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let headers = request.headers();
    match Source::of(headers, client.host.as_deref()) {
        Source::Ours => Ok(next.run(request).await),
        Source::Unknown if !is_browser(headers) => Ok(next.run(request).await),
        Source::Unknown | Source::Link | Source::OtherSite => Err(refusal()),
    }
}

fn refusal() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_site",
        "This request did not come from one of LabLink's own pages. Open LabLink itself and try there.",
    )
}

impl Source {
    /// Today's browsers send it themselves, over HTTPS and to this machine. Elsewhere there is only
    /// the page that they come from, which our own pages have them send.
    fn of(headers: &HeaderMap, host: Option<&str>) -> Self {
        let text = |name: HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or_default());
        if let Some(site) = text(SITE) {
            return match site {
                "same-origin" | "none" => Self::Ours,
                _ if text(MODE) == Some("navigate")
                    && text(DESTINATION).is_none_or(|it| it == "document") =>
                {
                    Self::Link
                }
                _ => Self::OtherSite,
            };
        }
        let ours = |page: &str| host.is_some_and(|host| is_at(page, host));
        match (text(ORIGIN), text(REFERER)) {
            (Some(origin), _) if ours(origin) => Self::Ours,
            (Some(_), _) => Self::OtherSite,
            (None, Some(page)) if ours(page) => Self::Ours,
            // Only a request for the content of a window asks for a page.
            (None, Some(_)) if text(ACCEPT).is_some_and(|it| it.contains("text/html")) => {
                Self::Link
            }
            (None, Some(_)) => Self::OtherSite,
            (None, None) => Self::Unknown,
        }
    }
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Every browser says in which language it wants its pages, and no page can keep it from that;
/// programs don't.
fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ACCEPT_LANGUAGE)
}

/// Whether a page is at this place. A port may be left out where it is the scheme's own.
fn is_at(page: &str, host: &str) -> bool {
    let (Ok(page), Ok(host)) = (page.parse::<Uri>(), host.parse::<Authority>()) else {
        return false;
    };
    let default = match page.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let port = |at: &Authority| at.port_u16().unwrap_or(default);
    page.authority().is_some_and(|page| {
        page.host().eq_ignore_ascii_case(host.host()) && port(page) == port(&host)
    })
}

#[cfg(test)]
mod tests {
    use super::{Source::*, *};

    fn source(pairs: &[(&'static str, &str)], host: Option<&str>) -> Source {
        let pairs =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Source::of(&pairs.collect(), host)
    }

    #[test]
    fn own_pages_and_programs_are_told_from_others() {
        assert_eq!(source(&[], None), Unknown);
        assert_eq!(source(&[("sec-fetch-site", "same-origin")], None), Ours);
        assert_eq!(source(&[("sec-fetch-site", "none")], None), Ours);
        for (origin, host) in [
            ("http://lab:5000", "lab:5000"),
            ("http://lab.example.org", "lab.example.org:80"),
            ("http://lab.example.org:80", "lab.example.org"),
            ("https://lab.example.org", "lab.example.org:443"),
            ("https://lab.example.org:443", "lab.example.org"),
            ("https://lab.example.org", "LAB.example.org"),
            ("http://[2001:db8::7]", "[2001:db8::7]:80"),
        ] {
            assert_eq!(source(&[("origin", origin)], Some(host)), Ours, "{origin} at {host}");
            let page = format!("{origin}/admin/results?before=7");
            assert_eq!(source(&[("referer", &page)], Some(host)), Ours, "{page} at {host}");
        }
    }

    #[test]
    fn other_sites_do_not_pass_for_us() {
        for (origin, host) in [
            ("https://evil.example", "lab:5000"),
            ("null", "lab:5000"),
            ("http://lab:5001", "lab:5000"),
            ("http://lab", "lab:443"),
            ("https://lab", "lab:80"),
            ("ftp://lab:80", "lab:80"),
            ("http://lab:80@evil.example", "lab"),
        ] {
            assert_eq!(source(&[("origin", origin)], Some(host)), OtherSite, "{origin} at {host}");
            let page = [("referer", origin)];
            assert_eq!(source(&page, Some(host)), OtherSite, "{origin} at {host}");
        }
        assert_eq!(source(&[("origin", "http://lab")], None), OtherSite);
    }

    #[test]
    fn a_link_is_told_from_what_a_page_does_by_itself() {
        let told = |site, mode, destination| {
            let pairs = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", destination),
            ];
            source(&pairs, None)
        };
        for site in ["cross-site", "same-site"] {
            assert_eq!(told(site, "navigate", "document"), Link);
            for (mode, destination) in [
                ("navigate", "iframe"),
                ("navigate", "object"),
                ("no-cors", "image"),
                ("no-cors", "empty"),
                ("cors", "empty"),
                ("websocket", "websocket"),
            ] {
                assert_eq!(told(site, mode, destination), OtherSite, "{mode} {destination}");
            }
        }
        let page = ("referer", "https://evil.example/");
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!(source(&[page, html], Some("lab")), Link);
        assert_eq!(source(&[page, ("accept", "image/*,*/*;q=0.8")], Some("lab")), OtherSite);
        assert_eq!(source(&[("origin", "https://evil.example"), html], Some("lab")), OtherSite);
    }
}
