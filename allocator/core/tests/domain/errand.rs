//! A kind of operation of the tests, and what is done with operations of any kind.

use std::time::Duration;

use lablink_core::operations::{
    self, Ask, Kind, Kinds, Lane, Operation, OperationId, Outcome, Taken,
};
use lablink_protocol::Hostname;
use lablink_test_db::kinds;
use serde::{Deserialize, Serialize};

use crate::scene::{Scene, admin};

/// A kind of the tests: nothing but what the engine has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    pub what: String,
    #[serde(default)]
    pub lane: String,
    #[serde(default)]
    pub hostnames: Vec<Hostname>,
}

impl Kind for Errand {
    const WORD: &'static str = "errand";
    const NAME: &'static str = "Errand";
    const MAX_ATTEMPTS: u16 = 3;

    fn title(&self) -> String {
        format!("Run an errand: {}", self.what)
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn lane(&self) -> Lane {
        Lane::from(format!("errand:{}", self.lane))
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

pub fn errand(what: &str, lane: &str) -> Errand {
    Errand { what: what.to_owned(), lane: lane.to_owned(), hostnames: Vec::new() }
}

pub fn known() -> Kinds {
    kinds().with::<Errand>()
}

pub async fn take(scene: &Scene) -> Option<Taken> {
    operations::take(&scene.scope(), "worker", &known()).await.unwrap()
}

pub async fn ask(scene: &Scene, wish: &Ask) -> OperationId {
    operations::ask(&scene.by(admin()), wish).await.unwrap()
}

pub async fn find(scene: &Scene, id: OperationId) -> Operation {
    operations::find(&scene.scope(), id).await.unwrap().unwrap()
}

pub async fn finish(taken: Taken, outcome: Outcome) {
    taken.lease.finish(&outcome).await.unwrap();
}

/// The kinds of its events, oldest first.
pub async fn events_of(scene: &Scene, id: OperationId) -> String {
    let sql = format!(
        "select coalesce(string_agg(actor || ' ' || kind, ', ' order by id), '')
         from event where operation_id = {id}"
    );
    scene.text(&sql).await
}
