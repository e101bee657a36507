//! The routes on a real Postgres, through the whole router.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod access;
mod admin;
mod app;
mod aws;
mod callers;
mod changes;
mod collections;
mod collector;
mod conflict;
mod connections;
mod contract;
mod cross_site;
mod doctor;
mod downloads;
mod gone;
mod growth;
mod history;
mod hostile;
mod install;
mod kinds;
mod limits;
mod line;
mod logs;
mod machines;
mod multipart;
mod once;
mod openapi;
mod operations;
mod organiser;
mod participant;
mod pieces;
mod places;
mod pool;
mod preflight;
mod reads;
mod results_first;
mod stored_script;
mod strangers;
mod tags;
mod tokens;
mod vm_metrics;
mod wait;
mod watch;
mod way_in;
