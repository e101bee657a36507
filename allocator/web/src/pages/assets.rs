//! The files that pages refer to, compiled into the binary.

/// A file served as `/assets/{name}`.
pub struct Asset {
    pub name: &'static str,
    /// Value of the `Content-Type` header.
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    /// Changes with the content, so that a URL with it may be cached for ever.
    pub version: u64,
}

pub static STYLESHEET: Asset =
    Asset::new("app.css", "text/css; charset=utf-8", include_bytes!("../../assets/app.css"));
pub static SCRIPT: Asset =
    Asset::new("live.js", "text/javascript; charset=utf-8", include_bytes!("../../assets/live.js"));
pub static FORMS_SCRIPT: Asset = Asset::new(
    "forms.js",
    "text/javascript; charset=utf-8",
    include_bytes!("../../assets/forms.js"),
);
pub static FAVICON: Asset =
    Asset::new("favicon.svg", "image/svg+xml", include_bytes!("../../assets/favicon.svg"));

/// Of the page of one VM's log.
pub static LOG_STYLESHEET: Asset =
    Asset::new("log.css", "text/css; charset=utf-8", include_bytes!("../../assets/log.css"));
pub static LOG_SCRIPT: Asset =
    Asset::new("log.js", "text/javascript; charset=utf-8", include_bytes!("../../assets/log.js"));

static ALL: [&Asset; 6] =
    [&STYLESHEET, &SCRIPT, &FORMS_SCRIPT, &FAVICON, &LOG_STYLESHEET, &LOG_SCRIPT];

/// The asset called `name`, as in the last part of its URL's path.
pub fn find(name: &str) -> Option<&'static Asset> {
    ALL.into_iter().find(|asset| asset.name == name)
}

impl Asset {
    const fn new(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type, bytes, version: fnv1a(bytes) }
    }

    /// Such as `/assets/app.css?v=0123456789abcdef`.
    pub fn url(&self) -> String {
        format!("/assets/{}?v={:016x}", self.name, self.version)
    }
}

/// FNV-1a, 64 bits (RFC 9923): tells versions apart, protects against nobody.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn an_asset_is_found_by_the_name_in_its_url() {
        for asset in ALL {
            let url = asset.url();
            let path = url.split('?').next().unwrap();
            let found = find(path.strip_prefix("/assets/").unwrap()).unwrap();
            assert_eq!(found.bytes, asset.bytes);
        }
        assert!(find("../Cargo.toml").is_none());
    }
}
