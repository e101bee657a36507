//! Pages of VMs. The one after a VM begins where that VM is in an index, so a page costs the same
//! wherever it is and however large the pool is.

use super::{
    Counts, View, Vm, counts,
    stretch::{Direction, Mark, Stretch},
};
use crate::{Cursor, DbError, InvalidCursor, PageError, Scope, db::Client, pools::Pool};

/// Which page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    #[default]
    Start,
    After(Cursor),
    Before(Cursor),
}

/// A page of VMs.
#[derive(Clone, Debug)]
pub struct Page {
    pub vms: Vec<Vm>,
    /// Where the page before ends: it is [`Place::Before`] this one. None: there is none.
    pub previous: Option<Cursor>,
    /// Where the next page begins: it is [`Place::After`] this one. None: there is none.
    pub next: Option<Cursor>,
}

/// At most `limit` VMs of a list.
pub async fn page(
    scope: &Scope,
    view: &View,
    place: &Place,
    limit: u16,
) -> Result<Page, PageError> {
    let counts = if view.is_by_state() { Some(counts(scope).await?) } else { None };
    let client = scope.client().await?;
    let (stretches, limit) = (view.stretches(), usize::from(limit));
    let walk = Walk { client, pool: &scope.pool, stretches, counts, limit };
    match place {
        Place::Start => Ok(walk.forward(None).await?),
        Place::After(cursor) => Ok(walk.forward(Some((cursor.nth, walk.mark(cursor)?))).await?),
        Place::Before(cursor) => Ok(walk.backward(cursor.nth, walk.mark(cursor)?).await?),
    }
}

/// How many VMs are in a list; `most` if there are more.
pub async fn count(scope: &Scope, view: &View, most: i64) -> Result<i64, DbError> {
    let client = scope.client().await?;
    let mut found = 0;
    for stretch in view.stretches() {
        found += stretch.count(&client, &scope.pool, most).await?;
    }
    Ok(found.min(most))
}

struct Walk<'a> {
    client: Client,
    pool: &'a Pool,
    stretches: Vec<Stretch>,
    /// Where they tell which stretches are empty.
    counts: Option<Counts>,
    limit: usize,
}

/// A VM, with its stretch and its mark there.
type Step = (usize, Mark, Vm);

impl Walk<'_> {
    fn mark(&self, cursor: &Cursor) -> Result<Mark, InvalidCursor> {
        let stretch = self.stretches.get(cursor.nth).ok_or(InvalidCursor)?;
        stretch.mark(&cursor.mark).ok_or(InvalidCursor)
    }

    async fn forward(&self, after: Option<(usize, Mark)>) -> Result<Page, DbError> {
        let (begin, mark) = after.map_or((0, None), |(nth, mark)| (nth, Some(mark)));
        let order = begin..self.stretches.len();
        let mut found = self.read(order, Direction::Forward, mark.as_ref()).await?;
        let is_last = found.len() <= self.limit;
        found.truncate(self.limit);
        let previous = mark.map(|mark| match found.first() {
            Some(first) => cursor(first),
            // All that came after are gone.
            None => Cursor { nth: begin, mark: mark.to_string() },
        });
        let next = found.last().filter(|_| !is_last).map(cursor);
        Ok(Page { vms: found.into_iter().map(|(_, _, vm)| vm).collect(), previous, next })
    }

    async fn backward(&self, nth: usize, before: Mark) -> Result<Page, DbError> {
        let order = (0..=nth).rev();
        let mut found = self.read(order, Direction::Backward, Some(&before)).await?;
        if found.len() <= self.limit {
            // It is the first one: as full as it can be.
            return self.forward(None).await;
        }
        found.truncate(self.limit);
        found.reverse();
        let (previous, next) = (found.first().map(cursor), found.last().map(cursor));
        Ok(Page { vms: found.into_iter().map(|(_, _, vm)| vm).collect(), previous, next })
    }

    /// One more than a page needs tells whether there is another one.
    async fn read(
        &self,
        order: impl Iterator<Item = usize>,
        direction: Direction,
        mut after: Option<&Mark>,
    ) -> Result<Vec<Step>, DbError> {
        let wanted = self.limit + 1;
        let mut found = Vec::with_capacity(wanted);
        for nth in order {
            let (stretch, mark) = (&self.stretches[nth], after.take());
            let is_empty = self.counts.is_some_and(|counts| stretch.is_empty_by(&counts));
            if !is_empty {
                let read = stretch.read(&self.client, self.pool, direction, mark, wanted).await?;
                found.extend(read.into_iter().map(|(mark, vm)| (nth, mark, vm)));
            }
            if found.len() >= wanted {
                found.truncate(wanted);
                break;
            }
        }
        Ok(found)
    }
}

fn cursor((nth, mark, _): &Step) -> Cursor {
    Cursor { nth: *nth, mark: mark.to_string() }
}
