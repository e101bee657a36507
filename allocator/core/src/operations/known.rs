use std::{future::Future, pin::Pin};

use serde_json::Value;

use super::{Ask, Kind};
use crate::{DbError, events::Change, ids::OperationId};

/// The kinds that this allocator knows. An operation of another kind, which a newer allocator has
/// asked for, is shown and can be cancelled, but only a newer allocator carries it out.
#[derive(Clone, Debug, Default)]
pub struct Kinds(Vec<Known>);

#[derive(Clone, Debug)]
struct Known {
    word: &'static str,
    name: &'static str,
    /// Why operations of this kind are not carried out here. None: they are.
    refusal: Option<&'static str>,
    hooks: Hooks,
}

#[derive(Clone, Copy, Debug)]
struct Hooks {
    undo: for<'a> fn(Value, &'a mut Change<'_>, OperationId) -> Hooked<'a, ()>,
    rest: for<'a> fn(Value, &'a mut Change<'_>, OperationId) -> Hooked<'a, Option<Ask>>,
}

type Hooked<'a, T> = Pin<Box<dyn Future<Output = Result<T, DbError>> + Send + 'a>>;

impl Kinds {
    /// Adds a kind that is carried out here.
    pub fn with<K: Kind>(self) -> Self {
        self.and(Known::of::<K>(None))
    }

    /// Adds a kind that this allocator does not carry out, with the reason.
    pub fn with_refused<K: Kind>(self, why: &'static str) -> Self {
        self.and(Known::of::<K>(Some(why)))
    }

    fn and(mut self, known: Known) -> Self {
        self.0.retain(|it| it.word != known.word);
        self.0.push(known);
        self
    }

    /// Their words in rows.
    pub fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|known| known.word).collect()
    }

    /// Their words in rows and their names for people, in the order in which they were registered.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|known| (known.word, known.name))
    }

    /// Why operations of this kind can't be carried out here, if they can't.
    pub fn refusal<K: Kind>(&self) -> Option<&'static str> {
        match self.0.iter().find(|known| known.word == K::WORD) {
            Some(known) => known.refusal,
            None => Some("This allocator does not do that."),
        }
    }

    /// See [`Kind::undo`].
    pub(super) async fn undo(
        &self,
        kind: &str,
        payload: Value,
        change: &mut Change<'_>,
        id: OperationId,
    ) -> Result<(), DbError> {
        match self.0.iter().find(|known| known.word == kind) {
            Some(known) => (known.hooks.undo)(payload, change, id).await,
            None => Ok(()),
        }
    }

    /// See [`Kind::rest`].
    pub(super) async fn rest(
        &self,
        kind: &str,
        payload: Value,
        change: &mut Change<'_>,
        id: OperationId,
    ) -> Result<Option<Ask>, DbError> {
        match self.0.iter().find(|known| known.word == kind) {
            Some(known) => (known.hooks.rest)(payload, change, id).await,
            None => Ok(None),
        }
    }
}

impl Known {
    fn of<K: Kind>(refusal: Option<&'static str>) -> Self {
        let hooks = Hooks { undo: undo::<K>, rest: rest::<K> };
        Self { word: K::WORD, name: K::NAME, refusal, hooks }
    }
}

fn undo<'a, K: Kind>(
    payload: Value,
    change: &'a mut Change<'_>,
    id: OperationId,
) -> Hooked<'a, ()> {
    Box::pin(async move { parsed::<K>(payload)?.undo(change, id).await })
}

fn rest<'a, K: Kind>(
    payload: Value,
    change: &'a mut Change<'_>,
    id: OperationId,
) -> Hooked<'a, Option<Ask>> {
    Box::pin(async move { parsed::<K>(payload)?.rest(change, id).await })
}

/// Reads a row's payload as its kind.
pub(super) fn parsed<K: Kind>(payload: Value) -> Result<K, DbError> {
    serde_json::from_value(payload.clone()).map_err(|_other| DbError::UnknownWord {
        column: "payload",
        value: format!("{} {payload}", K::WORD),
    })
}
