//! Which page of which VMs somebody asks for: of every page that lists VMs.

use lablink_core::{
    Cursor, Scope,
    vms::{self, Beginning, Counts, Place, Sort, View},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::list_bar::{ListBar, ListCount};
use crate::http::{Problem, write_one_of};

/// VMs on one page: keeps it under 50 KB.
pub const PER_PAGE: u16 = 60;
/// The most VMs that are counted one by one.
const MOST_COUNTED: i64 = 100;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The beginning of a name or of a participant's e-mail, or a VM's number. Not together with
    /// `show`.
    #[serde(default)]
    pub q: String,
    /// All VMs in an order, or those in a state by number: one of these words. Empty: `number`.
    #[serde(default)]
    #[param(
        pattern = "^(number|name|newest|state|last_seen|participant|removing|barred|ending|failed|unhealthy|overdue|starting|used|token_due|suspect|stale|claimed|offered|free)?$"
    )]
    pub show: String,
    /// The page after this place: from a link of the page before.
    #[serde(default)]
    pub after: String,
    /// The page before this place: from a link of the page after.
    #[serde(default)]
    pub until: String,
    /// Another name for `show`.
    #[serde(default)]
    #[param(ignore)]
    state: String,
    /// Another name for `show`.
    #[serde(default)]
    #[param(ignore)]
    sort: String,
}

/// Which VMs a program asks for, in what order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Shown {
    /// As of `/admin/instances`.
    #[serde(default)]
    q: String,
    /// As of `/admin/instances`.
    #[serde(default)]
    #[param(
        pattern = "^(number|name|newest|state|last_seen|participant|removing|barred|ending|failed|unhealthy|overdue|starting|used|token_due|suspect|stale|claimed|offered|free)?$"
    )]
    show: String,
}

impl Shown {
    pub fn view(&self) -> Result<View, Problem> {
        Listing::sent_back(&self.q, &self.show, "", "").view()
    }
}

impl Listing {
    /// What a page's form sends back of it.
    pub fn sent_back(q: &str, show: &str, after: &str, until: &str) -> Self {
        let [q, show, after, until] = [q, show, after, until].map(str::to_owned);
        Self { q, show, after, until, ..Self::default() }
    }

    fn shown(&self) -> &str {
        // A list must not show more than was asked for, but may show it in another order.
        let sort =
            Some(self.sort.as_str()).filter(|it| self.q.is_empty() && it.parse::<Sort>().is_ok());
        let names = [self.show.as_str(), self.state.as_str(), sort.unwrap_or_default()];
        names.into_iter().find(|word| !word.is_empty()).unwrap_or_default()
    }

    pub fn view(&self) -> Result<View, Problem> {
        let shown = self.shown();
        if let Some(beginning) = Beginning::typed(&self.q) {
            return if shown.is_empty() {
                Ok(View::Matching(beginning))
            } else {
                Err(Problem::invalid("Look for a name, or choose what is shown: not both at once."))
            };
        }
        let unknown = |_unknown| {
            let sorts = Sort::ALL.iter().map(|sort| sort.as_str());
            let states = vms::State::ALL.iter().map(|state| state.as_str());
            Problem::invalid(write_one_of("show", sorts.chain(states)))
        };
        match (shown, shown.parse()) {
            ("", _) => Ok(View::All(Sort::Number)),
            (_, Ok(sort)) => Ok(View::All(sort)),
            (word, Err(_no_sort)) => word.parse().map(View::In).map_err(unknown),
        }
    }

    pub fn place(&self) -> Result<Place, Problem> {
        Ok(match (self.after.as_str(), self.until.as_str()) {
            ("", "") => Place::Start,
            ("", until) => Place::Before(until.parse()?),
            (after, _) => Place::After(after.parse()?),
        })
    }

    /// What a page at `path` says of its list.
    pub fn bar(&self, path: &'static str, page: &vms::Page) -> ListBar {
        let leaf = |name, cursor: &Option<Cursor>| {
            let cursor = cursor.as_ref()?.to_string();
            let limits = [("q", self.q.trim()), ("show", self.shown()), (name, cursor.as_str())];
            Some(crate::links::list(path, &limits))
        };
        ListBar {
            path,
            q: self.q.trim().to_owned(),
            show: self.shown().to_owned(),
            after: self.after.clone(),
            until: self.until.clone(),
            previous: leaf("until", &page.previous),
            next: leaf("after", &page.next),
        }
    }
}

/// How many VMs a view has, as far as counts tell. None: they do not.
pub fn counted(view: &View, counts: Counts) -> Option<i64> {
    match view {
        View::All(Sort::Participant) | View::Matching(_) => None,
        View::All(_) => Some(counts.all()),
        View::In(state) => Some(counts.of(*state)),
    }
}

/// How many VMs a view has. Those that counts don't tell are counted up to a limit.
pub async fn count(scope: &Scope, view: &View, counts: Counts) -> Result<ListCount, Problem> {
    if let Some(counted) = counted(view, counts) {
        return Ok(ListCount::Exactly(counted));
    }
    let found = vms::count(scope, view, MOST_COUNTED + 1).await?;
    let is_more = found > MOST_COUNTED;
    Ok(if is_more { ListCount::MoreThan(MOST_COUNTED) } else { ListCount::Exactly(found) })
}

/// What a form with a list of VMs is about, of those that say nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those that are named.
    Ticked,
    /// All that the list has, on whichever page.
    Shown,
}
