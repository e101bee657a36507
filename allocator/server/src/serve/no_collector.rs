use std::{future::Future, io, path::PathBuf, pin::Pin};

use lablink_core::{
    collections::{Archive, CollectError, Collector, Wish},
    operations::OperationId,
};

/// Stands until the collector of `provision` is wired in its place.
pub struct NoCollector;

impl Collector for NoCollector {
    fn collect<'a>(
        &'a self,
        _wish: &'a Wish,
    ) -> Pin<Box<dyn Future<Output = Result<Archive, CollectError>> + Send + 'a>> {
        let reason = "This allocator collects nothing yet.".to_owned();
        Box::pin(async { Err(CollectError::OutOfReach(reason)) })
    }

    fn kept(&self, _operation: OperationId) -> Option<PathBuf> {
        None
    }

    fn discard(&self, _operation: OperationId) -> io::Result<()> {
        Ok(())
    }
}
