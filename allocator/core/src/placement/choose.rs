use std::collections::BTreeMap;

use super::{Place, Refusal, Shortage};
use crate::preflight::Family;

/// A type that machines may be made of, with the zones where that is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub machine_type: String,
    pub zones: Vec<String>,
}

/// Chooses where to try next. Places that have refused in fewer attempts come first, of these the type
/// that is preferred. Machines that are refused together are spread over its zones.
pub struct Choice<'a> {
    /// The preferred type first.
    offers: &'a [Offer],
    /// In how many attempts each place has refused.
    refused: BTreeMap<Place, usize>,
    /// How many machines were sent to each place by this choice.
    sent: BTreeMap<Place, usize>,
}

impl<'a> Choice<'a> {
    /// `before`: all refusals of the operation so far, those of the last attempt included.
    pub fn new(offers: &'a [Offer], before: &[Refusal]) -> Self {
        let places = offers.iter().flat_map(|offer| {
            offer
                .zones
                .iter()
                .map(|zone| Place { machine_type: offer.machine_type.clone(), zone: zone.clone() })
        });
        let refused = places.map(|place| {
            let mut attempts: Vec<i32> =
                before.iter().filter(|it| it.concerns(&place)).map(|it| it.attempt).collect();
            attempts.sort_unstable();
            attempts.dedup();
            (place, attempts.len())
        });
        Self { offers, refused: refused.collect(), sent: BTreeMap::new() }
    }

    /// Where the next machine is tried. None: nobody knows of any place.
    pub fn next_place(&mut self) -> Option<Place> {
        let rank = |place: &Place| {
            self.offers.iter().position(|offer| offer.machine_type == place.machine_type)
        };
        let sent = |place: &Place| self.sent.get(place).copied().unwrap_or_default();
        let best =
            self.refused.iter().min_by_key(|(place, count)| (**count, rank(place), sent(place)));
        let place = best.map(|(place, _)| place.clone())?;
        *self.sent.entry(place.clone()).or_default() += 1;
        Some(place)
    }
}

impl Refusal {
    /// Whether it says that there is no room at this place.
    fn concerns(&self, place: &Place) -> bool {
        let Some(refused) = &self.place else { return false };
        match self.shortage {
            Shortage::Capacity => refused == place,
            Shortage::Quota => Family::of(&refused.machine_type) == Family::of(&place.machine_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "g4dn.xlarge";
    const OTHER: &str = "g5.xlarge";
    const OF_ANOTHER_FAMILY: &str = "p3.2xlarge";

    fn offers(types: &[&str]) -> Vec<Offer> {
        let zones = ["a", "b", "c"].map(str::to_owned).to_vec();
        let offer = |name: &&str| Offer { machine_type: (*name).to_owned(), zones: zones.clone() };
        types.iter().map(offer).collect()
    }

    fn refusal(attempt: i32, machine_type: &str, zone: &str, shortage: Shortage) -> Refusal {
        let place = Place { machine_type: machine_type.to_owned(), zone: zone.to_owned() };
        let hostname = "lablink-vm-test-1".parse().unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let (reason, next) = (String::new(), None);
        Refusal { hostname, attempt, place: Some(place), shortage, reason, next, at }
    }

    fn chosen(types: &[&str], before: &[Refusal], count: usize) -> Vec<String> {
        let offers = offers(types);
        let mut choice = Choice::new(&offers, before);
        let next = |_| choice.next_place().map(|it| format!("{} {}", it.machine_type, it.zone));
        (0..count).filter_map(next).collect()
    }

    #[test]
    fn other_zones_of_the_same_type_come_before_other_types() {
        let before = [refusal(1, MAIN, "a", Shortage::Capacity)];
        assert_eq!(
            chosen(&[MAIN, OTHER], &before, 3),
            ["g4dn.xlarge b", "g4dn.xlarge c", "g4dn.xlarge b"],
            "spread over the zones that are left"
        );
        let before = ["a", "b", "c"].map(|zone| refusal(1, MAIN, zone, Shortage::Capacity));
        assert_eq!(chosen(&[MAIN, OTHER], &before, 1), ["g5.xlarge a"]);
        assert_eq!(chosen(&[MAIN], &before, 1), ["g4dn.xlarge a"], "it may have room by now");
    }

    #[test]
    fn ten_refusals_of_one_attempt_count_as_one() {
        let ten = [(); 10].map(|()| refusal(1, MAIN, "a", Shortage::Capacity));
        let twice = [1, 2].map(|attempt| refusal(attempt, MAIN, "b", Shortage::Capacity));
        let thrice = [1, 2, 3].map(|attempt| refusal(attempt, MAIN, "c", Shortage::Capacity));
        let before = [&ten[..], &twice, &thrice].concat();
        assert_eq!(chosen(&[MAIN], &before, 1), ["g4dn.xlarge a"]);
    }

    #[test]
    fn a_quota_is_one_of_the_whole_family_in_all_zones() {
        let before = [refusal(1, MAIN, "a", Shortage::Quota)];
        let types = [MAIN, OTHER, OF_ANOTHER_FAMILY];
        assert_eq!(chosen(&types, &before, 1), ["p3.2xlarge a"]);
    }

    #[test]
    fn what_is_refused_at_an_unknown_place_leaves_the_module_its_choice() {
        let before = [Refusal { place: None, ..refusal(1, MAIN, "a", Shortage::Capacity) }];
        assert_eq!(chosen(&[MAIN], &before, 1), ["g4dn.xlarge a"]);
        assert!(chosen(&[], &before, 1).is_empty());
    }
}
