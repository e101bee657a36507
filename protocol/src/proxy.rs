/// The header that our proxies write. The other one is never read: callers could write it, and a
/// proxy that does not know it hands it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, and `-Proto` and `-Host` beside it.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}
