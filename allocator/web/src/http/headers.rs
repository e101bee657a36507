use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

/// Pages load only what we serve, run no inline script, post only to us and sit in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // A claim's link is a secret: no other site is to learn it. Our own posts keep their Origin.
    (header::REFERRER_POLICY, "same-origin"),
];

/// Adds the security headers. Answers are not stored unless their handler says otherwise: most
/// hold a PIN, an address or a state of this moment.
pub(super) fn secure(response: &mut Response) {
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}
