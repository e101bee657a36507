//! Which VMs a list shows, and in what order: only what an index can tell page by page.

use super::{
    State,
    stretch::{self, Stretch},
};
use crate::{Email, text_enum::text_enum};

text_enum! {
    /// What a list of all VMs is sorted by.
    pub enum Sort {
        /// Machines without a number come last, the oldest first.
        Number = "number",
        Name = "name",
        Newest = "newest",
        /// By state, worst first.
        Trouble = "state",
        /// The same, but silent ones before all others.
        Silence = "last_seen",
        /// Those that a participant has, by e-mail. The others are left out.
        Participant = "participant",
    }
}

/// Which VMs of a pool, in what order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    All(Sort),
    /// By number.
    In(State),
    Matching(Beginning),
}

/// What somebody types to find VMs: the beginning of a name or of a participant's e-mail, or a
/// number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    name: String,
    person: String,
    number: Option<i32>,
}

/// The longest text that is looked for.
const LONGEST: usize = 254;

impl Beginning {
    /// None: nothing is left of the text.
    pub fn typed(text: &str) -> Option<Self> {
        let text: String = text.trim().replace('\0', "").to_lowercase();
        let name: String = text.chars().take(LONGEST).collect();
        if name.is_empty() {
            return None;
        }
        // A whole address is found however it is spelt.
        let person =
            name.parse().map_or_else(|_part| name.clone(), |it: Email| it.key().to_owned());
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let number = if is_number { name.parse().ok() } else { None };
        Some(Self { name, person, number })
    }

    /// As the ends of a range: from this text to the last that begins with it.
    fn range(text: &str) -> [String; 2] {
        [text.to_owned(), format!("{text}{}", char::MAX)]
    }

    /// Numbers of VMs begin at 1.
    fn number(&self) -> String {
        self.number.unwrap_or(0).to_string()
    }

    /// The VM of this number, then those of these people, then those of such a name.
    fn stretches(&self) -> Vec<Stretch> {
        let number = [self.number()];
        let (name, person) = (Self::range(&self.name), Self::range(&self.person));
        let mut stretches = vec![
            Stretch::of_people(stretch::PERSON_FROM, [&person[..], &number].concat()),
            Stretch::named(stretch::NAME_FROM, [&name[..], &number, &person].concat()),
        ];
        if self.number.is_some() {
            stretches.insert(0, Stretch::numbered("vm.number = $2::text::int", number.into()));
        }
        stretches
    }
}

impl View {
    /// The parts of this list, one after the other. Each VM is in one of them.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let is_silent = |state: &State| matches!(state, State::Suspect | State::Stale);
        let all = || State::ALL.iter().copied();
        match self {
            Self::All(Sort::Number) => Stretch::by_number().into(),
            Self::All(Sort::Name) => vec![Stretch::named("true", Vec::new())],
            Self::All(Sort::Newest) => vec![Stretch::newest()],
            Self::All(Sort::Trouble) => all().flat_map(Stretch::in_state).collect(),
            Self::All(Sort::Silence) => {
                let (silent, others) = (all().filter(is_silent), all().filter(|it| !is_silent(it)));
                silent.chain(others).flat_map(Stretch::in_state).collect()
            }
            Self::All(Sort::Participant) => vec![Stretch::of_people("true", Vec::new())],
            Self::In(state) => Stretch::in_state(*state).into(),
            Self::Matching(beginning) => beginning.stretches(),
        }
    }

    /// Whether counts tell which of its parts are empty.
    pub(super) fn is_by_state(&self) -> bool {
        matches!(self, Self::All(Sort::Trouble | Sort::Silence))
    }

    /// Which VMs it shows, as a condition on `vm` with arguments from `$2` on, for statements that
    /// pass the pool as `$1`.
    pub(crate) fn chosen(&self) -> (&'static str, Vec<String>) {
        match self {
            Self::All(Sort::Participant) => ("vm.claim_id is not null", Vec::new()),
            Self::All(_) => ("true", Vec::new()),
            Self::In(state) => ("vm.state = $2", vec![state.to_string()]),
            Self::Matching(beginning) => {
                let (name, person) =
                    (Beginning::range(&beginning.name), Beginning::range(&beginning.person));
                (stretch::MATCHING, [&[beginning.number()][..], &name, &person].concat())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_a_name_an_address_or_a_number() {
        let typed = |text: &str| Beginning::typed(text).unwrap();
        assert_eq!(typed(" 17\0 ").number, Some(17));
        assert_eq!(typed("99999999999").number, None, "no VM has such a number");
        assert_eq!(typed("+17").number, None);
        assert_eq!(typed("LabLink-VM-").name, "lablink-vm-");
        assert_eq!(typed("Ada@Müller.example").person, "ada@xn--mller-kva.example");
        assert_eq!(typed("Ada@").person, "ada@");
        assert_eq!(Beginning::typed(" \0"), None);
    }
}
