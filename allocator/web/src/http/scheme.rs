/// How the caller reached us, or our proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// Of an address such as `https://lab.example.org`.
    pub fn of(origin: &str) -> Self {
        if origin.starts_with("https:") { Self::Https } else { Self::Http }
    }
}
