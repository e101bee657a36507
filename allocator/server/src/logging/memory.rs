use std::fmt::{self, Write};

use jiff::Timestamp;
use lablink_web::{OwnLog, OwnLogEntry};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Keeps the last lines for the admin pages.
pub(super) struct MemoryLayer(pub OwnLog);

/// The id in the span `request`, which `lablink_web` opens for each request.
struct RequestId(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for MemoryLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != "request" {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(request), Some(span)) = (fields.request_id, context.span(id)) {
            span.extensions_mut().insert(RequestId(request));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let request = context.event_scope(event).and_then(|mut scope| {
            scope.find_map(|span| Some(span.extensions().get::<RequestId>()?.0.clone()))
        });
        self.0.push(OwnLogEntry {
            at: Timestamp::now(),
            level: *event.metadata().level(),
            request,
            text: fields.message + &fields.others,
        });
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    /// The fields, each as ` name=value`.
    others: String,
    request_id: Option<String>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _written = match field.name() {
            "message" => self.message.write_fmt(value),
            // The place in a dependency's source: of no use on a page.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.others, " {name}={value}"),
        };
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "request_id" {
            self.request_id = Some(value.to_owned());
        }
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
        let mut source = value.source();
        while let Some(cause) = source {
            let _written = write!(self.others, ": {cause}");
            source = cause.source();
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct Full(#[source] std::io::Error);

    #[test]
    fn where_a_dependency_wrote_its_line_is_not_kept() {
        let log = OwnLog::default();
        let subscriber = tracing_subscriber::registry().with(MemoryLayer(log.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(
                log.target = "rustls::conn",
                log.module_path = "rustls::conn",
                log.file = "/home/builder/.cargo/registry/src/rustls/src/conn.rs",
                log.line = 7,
                log_lines = 3,
                "the peer hung up"
            );
        });
        assert_eq!(log.last(Level::TRACE, None, 1)[0].text, "the peer hung up log_lines=3");
    }

    #[test]
    fn lines_keep_their_level_their_fields_and_their_request() {
        let log = OwnLog::default();
        let subscriber = tracing_subscriber::registry().with(MemoryLayer(log.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(vms = 2, name = "x", "started");
            tracing::info_span!("request", request_id = "r-1").in_scope(|| {
                tracing::info_span!("inner", request_id = "not-this").in_scope(|| {
                    let error = Full(std::io::Error::other("no space"));
                    tracing::error!(error = &error as &dyn std::error::Error, "could not write");
                });
            });
        });
        let seen = log.last(Level::TRACE, None, 10);
        assert_eq!(seen[0].text, "started vms=2 name=x");
        assert_eq!((seen[0].level, seen[0].request.as_deref()), (Level::INFO, None));
        assert_eq!(seen[1].text, "could not write error=the disk is full: no space");
        assert_eq!((seen[1].level, seen[1].request.as_deref()), (Level::ERROR, Some("r-1")));
    }
}
