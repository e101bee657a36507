//! What every request meets before and after its handler, whatever it asks for.

mod cross_site;
mod every;
mod head;
mod headers;
mod prefix;
mod request_id;
mod turned_away;

pub(crate) use cross_site::from_here_alone;
pub(crate) use every::EveryRequest;
