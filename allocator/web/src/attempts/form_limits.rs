use std::{hash::Hash, net::IpAddr, num::NonZero, sync::Arc};

use arc_swap::ArcSwapOption;
use lablink_core::Email;

use super::{
    browser::Visitor,
    limiter::{Limiter, Rate},
};

/// How often the forms of participants may be refused; each process counts for itself. Granted
/// forms do not count, so that a class behind one address gets in at once.
pub struct FormLimits {
    per_address: ArcSwapOption<Refusals<()>>,
    per_email: ArcSwapOption<Refusals<String>>,
}

/// Refused forms about one thing: of each browser, and of each network, since a browser can be made
/// up at the cost of a page.
struct Refusals<K> {
    per_minute: NonZero<u32>,
    of_browser: Limiter<(K, Visitor)>,
    of_network: Limiter<(K, IpAddr)>,
}

/// A whole network may be refused this many times as often as one browser.
const BROWSERS: NonZero<u32> = NonZero::new(10).expect("10 is not 0");

impl FormLimits {
    /// Refusals per minute, all of which may come at once. None: no limit.
    pub fn new(per_address: Option<NonZero<u32>>, per_email: Option<NonZero<u32>>) -> Self {
        let limits =
            Self { per_address: ArcSwapOption::empty(), per_email: ArcSwapOption::empty() };
        limits.set(per_address, per_email);
        limits
    }

    /// From now on these limits count. What was counted under one that stays goes on to count.
    pub fn set(&self, per_address: Option<NonZero<u32>>, per_email: Option<NonZero<u32>>) {
        change(&self.per_address, per_address);
        change(&self.per_email, per_email);
    }

    /// Whether another form from there is looked at.
    pub(crate) fn admits(&self, visitor: &Visitor, email: Option<&Email>) -> bool {
        let (per_address, per_email) = (self.per_address.load(), self.per_email.load());
        let of_email = per_email.as_ref().zip(email);
        per_address.as_ref().is_none_or(|refusals| refusals.admit((), visitor))
            && of_email.is_none_or(|(refusals, email)| refusals.admit(key(email), visitor))
    }

    pub(crate) fn refused(&self, visitor: &Visitor, email: Option<&Email>) {
        if let Some(refusals) = self.per_address.load().as_ref() {
            refusals.count((), visitor);
        }
        if let Some((refusals, email)) = self.per_email.load().as_ref().zip(email) {
            refusals.count(key(email), visitor);
        }
    }
}

fn change<K: Clone + Eq + Hash>(limit: &ArcSwapOption<Refusals<K>>, to: Option<NonZero<u32>>) {
    if limit.load().as_ref().map(|refusals| refusals.per_minute) != to {
        limit.store(to.map(|per_minute| Arc::new(Refusals::new(per_minute))));
    }
}

impl<K: Clone + Eq + Hash> Refusals<K> {
    fn new(per_minute: NonZero<u32>) -> Self {
        Self {
            per_minute,
            of_browser: Limiter::new(Rate::per_minute(per_minute)),
            of_network: Limiter::new(Rate::per_minute(per_minute.saturating_mul(BROWSERS))),
        }
    }

    /// A browser that has its cookie from us and was refused little lately is not kept out for what
    /// others at its address do.
    fn admit(&self, about: K, visitor: &Visitor) -> bool {
        let own = (about.clone(), *visitor);
        let is_blameless = visitor.browser.is_some() && self.of_browser.has_most_left(&own);
        is_blameless
            || self.of_browser.has_room(&own) && self.of_network.has_room(&(about, visitor.network))
    }

    fn count(&self, about: K, visitor: &Visitor) {
        // More than full is full.
        let _spent = self.of_browser.count((about.clone(), *visitor));
        let _spent = self.of_network.count((about, visitor.network));
    }
}

/// However it is spelt.
fn key(email: &Email) -> String {
    email.key().to_owned()
}
