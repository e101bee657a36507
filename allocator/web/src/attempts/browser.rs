use std::{
    collections::HashSet,
    mem,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use lablink_core::{Token, TokenHash, network};

use crate::http::Scheme;

/// Tells one browser from the others behind its address. It grants nothing by itself.
const COOKIE: &str = "lablink_browser";

/// A browser, by the hash of its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Browser(TokenHash);

/// The browsers that fetched the form lately. Cookies can be made up, so a cookie that we never
/// gave out with a page counts as none: each further one costs a page.
#[derive(Default)]
pub struct Browsers(Mutex<Seen>);

/// When `lately` is full, it becomes `before`, and the earlier `before` is forgotten.
#[derive(Default)]
struct Seen {
    lately: HashSet<Browser>,
    before: HashSet<Browser>,
}

const SEEN: usize = 50_000;

/// The sender of a form: one of the browsers in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Visitor {
    pub network: IpAddr,
    /// None: it has no cookie of ours.
    pub browser: Option<Browser>,
}

impl Browser {
    pub fn of(token: &Token) -> Self {
        Self(token.hash())
    }
}

/// The secret of the browser's cookie, whether or not we made it.
pub(crate) fn token_of(cookies: &CookieJar) -> Option<Token> {
    let text = cookies.get(COOKIE)?.value();
    Token::is_well_formed(text).then(|| Token::presented(text))
}

pub(crate) fn cookie(token: &Token, scheme: Scheme) -> Cookie<'static> {
    Cookie::build((COOKIE, token.reveal().to_owned()))
        .path("/")
        .http_only(true)
        .secure(scheme == Scheme::Https)
        .same_site(SameSite::Lax)
        .permanent()
        .build()
}

impl Browsers {
    /// Knows the browser that a page goes to from now on, and gives it a cookie if it has none.
    pub(crate) fn meet(&self, cookies: CookieJar, scheme: Scheme) -> CookieJar {
        match token_of(&cookies) {
            Some(token) => {
                self.seen().enter(Browser::of(&token));
                cookies
            }
            None => {
                let token = Token::random();
                self.seen().enter(Browser::of(&token));
                cookies.add(cookie(&token, scheme))
            }
        }
    }

    pub(crate) fn visitor(&self, address: IpAddr, cookies: &CookieJar) -> Visitor {
        let browser = token_of(cookies).map(|token| Browser::of(&token));
        let browser = browser.filter(|browser| self.seen().has(browser));
        Visitor { network: network(address), browser }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn has(&self, browser: &Browser) -> bool {
        self.lately.contains(browser) || self.before.contains(browser)
    }

    fn enter(&mut self, browser: Browser) {
        if self.lately.len() >= SEEN {
            self.before = mem::take(&mut self.lately);
        }
        self.lately.insert(browser);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn only_a_browser_that_got_a_page_is_one() {
        let browsers = Browsers::default();
        let jar = |token: &str| CookieJar::new().add(Cookie::new(COOKIE, token.to_owned()));
        for made_up in ["", "x", Token::random().reveal()] {
            assert_eq!(browsers.visitor(HERE, &jar(made_up)).browser, None, "{made_up}");
        }
        let met = browsers.meet(CookieJar::new(), Scheme::Http);
        let known = browsers.visitor(HERE, &met).browser;
        assert!(known.is_some());
        let again = browsers.meet(met, Scheme::Http);
        assert_eq!(browsers.visitor(HERE, &again).browser, known, "keeps its cookie");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut seen = Seen::default();
        let first = Browser::of(&Token::random());
        seen.enter(first);
        for _ in 0..SEEN {
            seen.enter(Browser::of(&Token::random()));
        }
        assert!(seen.has(&first));
        for _ in 0..SEEN {
            seen.enter(Browser::of(&Token::random()));
        }
        assert!(!seen.has(&first) && seen.lately.len() + seen.before.len() <= 2 * SEEN);
    }
}
