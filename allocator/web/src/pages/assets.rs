//! The files that pages refer to, compiled into the binary.

use crate::links;

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
/// Runs once for all pages of a browser.
pub static NEWS_WORKER: Asset =
    Asset::new("news.js", "text/javascript; charset=utf-8", include_bytes!("../../assets/news.js"));
/// Others' work, see `assets/vendor`.
pub static IDIOMORPH: Asset = Asset::new(
    "idiomorph.js",
    "text/javascript; charset=utf-8",
    include_bytes!("../../assets/vendor/idiomorph.js"),
);
pub static FAVICON: Asset =
    Asset::new("favicon.svg", "image/svg+xml", include_bytes!("../../assets/favicon.svg"));

/// Of the page of one VM's log.
pub static LOG_STYLESHEET: Asset =
    Asset::new("log.css", "text/css; charset=utf-8", include_bytes!("../../assets/log.css"));
pub static LOG_SCRIPT: Asset =
    Asset::new("log.js", "text/javascript; charset=utf-8", include_bytes!("../../assets/log.js"));

/// Of the page of a desktop: a module, which imports [`super::fetched`].
pub static DESKTOP_STYLESHEET: Asset = Asset::new(
    "desktop.css",
    "text/css; charset=utf-8",
    include_bytes!("../../assets/desktop.css"),
);
pub static DESKTOP_SCRIPT: Asset = Asset::new(
    "desktop.js",
    "text/javascript; charset=utf-8",
    include_bytes!("../../assets/desktop.js"),
);

pub static ALL: [&Asset; 10] = [
    &STYLESHEET,
    &SCRIPT,
    &FORMS_SCRIPT,
    &NEWS_WORKER,
    &IDIOMORPH,
    &FAVICON,
    &LOG_STYLESHEET,
    &LOG_SCRIPT,
    &DESKTOP_STYLESHEET,
    &DESKTOP_SCRIPT,
];

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
        links::asset(self.name, self.version)
    }
}

/// FNV-1a, 64 bits (RFC 9923): tells versions apart, protects against nobody.
pub(super) const fn fnv1a(bytes: &[u8]) -> u64 {
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
    use sha2::Digest;

    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn others_files_are_those_that_were_pinned() {
        let pinned = include_str!("../../assets/vendor/README.md");
        let bytes = sha2::Sha256::digest(IDIOMORPH.bytes);
        let hash: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(pinned.contains(&format!(
            "| `idiomorph.js` | idiomorph 0.8.0 | `dist/idiomorph.min.js` | `{hash}` |"
        )));
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
