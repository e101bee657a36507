//! What every request meets before and after its handler.

pub(crate) mod back_to_form;
mod body;
mod client;
mod cross_site;
mod every;
mod forwarded;
mod gzip;
mod head;
mod headers;
pub(crate) mod moment;
mod multipart;
pub(crate) mod once;
mod prefix;
mod problem;
mod refusals;
mod request_id;
mod turned_away;
mod url;
mod wants;

pub(crate) use body::{FormOrJson, Json, ticked};
pub(crate) use client::{Client, Scheme};
pub(crate) use cross_site::from_here_alone;
pub(crate) use every::EveryRequest;
pub use forwarded::{Proxies, ProxyHeader};
pub(crate) use gzip::{GzipJson, LARGEST_BATCH};
pub(crate) use once::Asking;
pub(crate) use problem::Problem;
pub(crate) use url::{ListQuery, Path, Query};
pub(crate) use wants::Wants;
