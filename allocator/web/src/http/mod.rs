//! What every request meets before and after its handler.

mod body;
mod client;
mod cross_site;
mod forwarded;
mod gzip;
mod head;
mod headers;
mod multipart;
mod prefix;
mod problem;
mod refusals;
mod request_id;
mod turned_away;
mod url;
mod wants;

pub(crate) use body::{FormOrJson, Json, ticked};
pub(crate) use client::{Client, Scheme};
pub(crate) use cross_site::refuse_cross_site;
pub use forwarded::{Proxies, ProxyHeader};
pub(crate) use gzip::{GzipJson, LARGEST_BATCH};
pub(crate) use head::refuse_large_heads;
pub(crate) use headers::secure;
pub(crate) use prefix::refuse_prefix;
pub(crate) use problem::{Problem, render_problems};
pub(crate) use request_id::{RequestId, identify};
pub(crate) use turned_away::turn_away;
pub(crate) use url::{ListQuery, Path, Query};
pub(crate) use wants::Wants;
