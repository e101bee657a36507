//! What every request meets before and after its handler.

mod body;
mod client;
mod cross_site;
mod gzip;
mod headers;
mod problem;
mod refusals;
mod request_id;
mod url;
mod wants;

pub(crate) use body::{FormOrJson, Json, ticked};
pub(crate) use client::{Client, Scheme};
pub(crate) use cross_site::refuse_cross_site;
pub(crate) use gzip::{GzipJson, LARGEST_BATCH};
pub(crate) use headers::secure;
pub(crate) use problem::{Problem, render_problems};
pub(crate) use request_id::{RequestId, identify};
pub(crate) use url::{ListQuery, Path, Query};
pub(crate) use wants::Wants;
