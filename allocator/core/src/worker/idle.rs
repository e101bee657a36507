use std::{collections::HashMap, future::Future, sync::Arc};

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::Runners;
use crate::operations::Lane;

/// Work that goes on in lanes without an operation at work here.
pub(super) struct Idling {
    runners: Arc<Runners>,
    /// Keyed by the index in the runners' idle work.
    going_on: HashMap<usize, (CancellationToken, AbortOnDropHandle<()>)>,
}

impl Idling {
    pub fn new(runners: Arc<Runners>) -> Self {
        let mut idling = Self { runners, going_on: HashMap::new() };
        for place in 0..idling.runners.idle.len() {
            idling.begin(place);
        }
        idling
    }

    /// Stops the idle work of this lane. Await the result before the lane's operation begins.
    pub fn make_way(&mut self, lane: &Lane) -> impl Future<Output = ()> + Send + use<> {
        let theirs = |place: &usize| self.runners.idle[*place].lane == *lane;
        let places: Vec<usize> = self.going_on.keys().copied().filter(theirs).collect();
        self.end(places)
    }

    /// Starts the idle work of this lane again. None: of every lane in which it has stopped.
    pub fn is_free(&mut self, lane: Option<&Lane>) {
        for place in 0..self.runners.idle.len() {
            let is_it = lane.is_none_or(|lane| self.runners.idle[place].lane == *lane);
            if is_it && !self.going_on.contains_key(&place) {
                self.begin(place);
            }
        }
    }

    /// Stops all of it.
    pub fn stop(mut self) -> impl Future<Output = ()> + Send + 'static {
        let places = self.going_on.keys().copied().collect();
        self.end(places)
    }

    fn begin(&mut self, place: usize) {
        let stop = CancellationToken::new();
        let work = (self.runners.idle[place].work)(stop.clone());
        self.going_on.insert(place, (stop, AbortOnDropHandle::new(tokio::spawn(work))));
    }

    fn end(&mut self, places: Vec<usize>) -> impl Future<Output = ()> + Send + use<> {
        let ending: Vec<_> =
            places.into_iter().filter_map(|place| self.going_on.remove(&place)).collect();
        for (stop, _) in &ending {
            stop.cancel();
        }
        async move {
            for (_, work) in ending {
                // It is over, even if it failed.
                let _over = work.await;
            }
        }
    }
}
