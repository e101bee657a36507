use reqwest::Url;

use super::{Checkup, Code, Roots, certificate, name, port, ready};

/// The way to an allocator: its URL, and whom its certificate must come from.
#[derive(Clone, Debug)]
pub struct Way {
    pub url: Url,
    pub roots: Roots,
}

impl Way {
    /// Name, port, certificate and answer, each resting on the one before.
    pub fn add_to(&self, checkup: &mut Checkup) {
        let way = self.clone();
        checkup.check(Code::Name, &[Code::Host], move || {
            let url = way.url.clone();
            async move { name(&url).await }
        });
        let way = self.clone();
        checkup.check(Code::Port, &[Code::Name], move || {
            let url = way.url.clone();
            async move { port(&url).await }
        });
        let way = self.clone();
        checkup.check(Code::Tls, &[Code::Port], move || {
            let Way { url, roots } = way.clone();
            async move { certificate(&url, &roots).await }
        });
        let way = self.clone();
        checkup.check(Code::Ready, &[Code::Port, Code::Tls], move || {
            let Way { url, roots } = way.clone();
            async move { ready(&url, &roots).await }
        });
    }
}
