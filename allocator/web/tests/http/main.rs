//! The routes on a real Postgres, through the whole router.

mod access;
mod admin;
mod app;
mod contract;
mod participant;
mod wait;
