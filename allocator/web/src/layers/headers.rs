use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

use crate::http::{Scheme, ShowsDesktop};

/// Pages load only what we serve, run no inline script, post only to us and sit in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// noVNC draws parts of a desktop as images that it makes itself.
const DESKTOP_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // A claim's link is a secret: no other site is to learn it. Our own posts keep their Origin.
    (header::REFERRER_POLICY, "same-origin"),
];

/// For 30 days, so that operators can give up TLS or move the name; and for this name alone, since
/// the other names of the domain are not ours.
const HTTPS_ONLY: &str = "max-age=2592000";

/// Adds the security headers. `scheme` is the caller's own: over plain HTTP, anybody on the way could
/// have told a browser never to use it again. Answers are not stored unless their handler says otherwise: most
/// hold a PIN, an address or a state of this moment.
pub(super) fn secure(response: &mut Response, scheme: Scheme) {
    let shows_desktop = response.extensions().get::<ShowsDesktop>().is_some();
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if shows_desktop {
        let policy = HeaderValue::from_static(DESKTOP_SECURITY_POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if scheme == Scheme::Https {
        let https_only = HeaderValue::from_static(HTTPS_ONLY);
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, https_only);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
