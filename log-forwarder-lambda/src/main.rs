//! `bootstrap`: takes the VMs' log lines from `CloudWatch` to the allocator. A subscription filter
//! of the log group calls it with each batch of lines, and Lambda's runtime keeps it between calls.
//!
//! A batch is unpacked ([`payload`]), divided into parts under 1 MB ([`part`]) and posted
//! ([`allocator`]) with a token ([`token`]) that can come from AWS ([`aws`]). What may heal is tried
//! again until the invocation's time is nearly up; then the invocation fails, and AWS brings the
//! batch again. The allocator knows lines by their event's id, so none is stored twice.

mod allocator;
mod aws;
mod aws_access;
mod deadline;
mod dropped;
mod forward;
mod part;
mod payload;
mod settings;
mod token;

use std::sync::Arc;

use anyhow::Context as _;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::{forward::Forwarder, payload::Subscription, settings::Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // CloudWatch writes the time beside each line.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .init();
    // Fails only where one is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();

    let settings = Settings::from_environment().context("the log forwarder is not set up")?;
    let forwarder = Arc::new(Forwarder::new(settings)?);
    let handler = service_fn(move |event: LambdaEvent<Subscription>| {
        let forwarder = Arc::clone(&forwarder);
        async move { forwarder.forward(event).await }
    });
    lambda_runtime::run(handler).await.map_err(anyhow::Error::from_boxed)
}
