//! Requests and answers: the client, bodies, queries, keys, problems. Knows nothing of the state.

pub(crate) mod back_to_form;
mod body;
mod client;
mod forwarded;
pub(crate) mod moment;
mod multipart;
mod older;
pub(crate) mod once;
mod one_of;
mod page;
mod pieces;
mod problem;
mod refusals;
mod scheme;
mod shows_desktop;
pub(crate) mod tag;
mod url;
mod vm_name;
mod wants;

pub(crate) use body::{FormOrJson, Json, ticked};
pub(crate) use client::{Client, peer};
pub use forwarded::Proxies;
pub(crate) use older::older;
pub(crate) use one_of::{one_of_or_empty, write_one_of};
pub(crate) use page::Page;
pub(crate) use pieces::in_pieces;
pub(crate) use problem::{BodyStalled, Problem, render};
pub(crate) use scheme::Scheme;
pub(crate) use shows_desktop::ShowsDesktop;
pub(crate) use url::{ListQuery, Path, Query};
pub(crate) use vm_name::VmName;
pub(crate) use wants::Wants;
