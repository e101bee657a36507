use std::fmt;

use crate::{
    legacy,
    section::Section,
    syntax::{Parsed, boolean, certificate_arn, email, one_of},
};

/// `ssl`: who ends TLS in front of the allocator.
#[derive(Clone, Debug)]
pub struct Ssl {
    /// `none`, `letsencrypt`, `cloudflare` or `acm`; default `none`.
    pub provider: SslProvider,
    /// With `none` in `prod`: that everything goes over the network in clear is wanted; default
    /// false.
    pub plain_http: bool,
    /// Address that Let's Encrypt writes to; default empty.
    pub email: String,
    /// Certificate for the load balancer (`acm`), in the region `app.region`; default empty.
    pub certificate_arn: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslProvider {
    /// Plain HTTP.
    None,
    /// Caddy on the allocator's host.
    LetsEncrypt,
    /// Cloudflare's proxy.
    Cloudflare,
    /// An AWS load balancer.
    Acm,
}

impl SslProvider {
    const CHOICES: [(&str, Self); 4] = [
        ("none", Self::None),
        ("letsencrypt", Self::LetsEncrypt),
        ("cloudflare", Self::Cloudflare),
        ("acm", Self::Acm),
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LetsEncrypt => "letsencrypt",
            Self::Cloudflare => "cloudflare",
            Self::Acm => "acm",
        }
    }

    fn parse(text: &str) -> Parsed<Self> {
        one_of(&Self::CHOICES, text)
    }
}

impl fmt::Display for SslProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Ssl {
    pub(crate) fn read(ssl: &mut Section<'_>) -> Self {
        legacy::refuse_staging(ssl);
        Self {
            provider: ssl.value("provider", SslProvider::parse).unwrap_or(SslProvider::None),
            plain_http: ssl.value("plain_http", boolean).unwrap_or(false),
            email: ssl.value("email", email).unwrap_or_default(),
            certificate_arn: ssl.value("certificate_arn", certificate_arn).unwrap_or_default(),
        }
    }
}
