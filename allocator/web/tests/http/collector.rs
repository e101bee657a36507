//! A collector whose archives are made up, and that remembers what it was asked for.

use std::{fs, future::Future, io, path::PathBuf, pin::Pin, sync::Mutex};

use lablink_core::{
    collections::{Archive, CollectError, Collector, Wish},
    operations::OperationId,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// What a collection for who waits gives.
#[derive(Clone, Copy)]
pub enum Gives {
    Whole,
    /// Some bytes, then an error.
    Half,
    NoFiles,
    OutOfReach,
}

pub struct FakeCollector {
    pub gives: Mutex<Gives>,
    pub asked: Mutex<Vec<Wish>>,
    kept: TempDir,
}

impl FakeCollector {
    pub fn new() -> Self {
        let kept = TempDir::new().unwrap();
        Self { gives: Mutex::new(Gives::Whole), asked: Mutex::default(), kept }
    }

    /// Puts an archive where that of a finished operation lies.
    pub fn keep(&self, operation: OperationId, bytes: &str) {
        fs::write(self.path(operation), bytes).unwrap();
    }

    fn path(&self, operation: OperationId) -> PathBuf {
        self.kept.path().join(format!("{operation}.zip"))
    }

    fn archive(&self, wish: &Wish) -> Result<Archive, CollectError> {
        self.asked.lock().unwrap().push(wish.clone());
        let gives = *self.gives.lock().unwrap();
        match gives {
            Gives::NoFiles => return Err(CollectError::NoFiles(wish.extension.clone())),
            Gives::OutOfReach => return Err(CollectError::OutOfReach("desk is off.".to_owned())),
            Gives::Whole | Gives::Half => {}
        }
        let (sender, chunks) = mpsc::channel(2);
        tokio::spawn(async move {
            for chunk in ["PK", "..."] {
                sender.send(Ok(chunk.into())).await.unwrap();
            }
            if matches!(gives, Gives::Half) {
                sender.send(Err(io::Error::other("the disk is full"))).await.unwrap();
            }
        });
        Ok(Archive { name: "lablink_data20261121_174504.zip".to_owned(), chunks })
    }
}

impl Collector for FakeCollector {
    fn collect<'a>(
        &'a self,
        wish: &'a Wish,
    ) -> Pin<Box<dyn Future<Output = Result<Archive, CollectError>> + Send + 'a>> {
        Box::pin(async { self.archive(wish) })
    }

    fn kept(&self, operation: OperationId) -> Option<PathBuf> {
        Some(self.path(operation)).filter(|path| path.is_file())
    }

    fn discard(&self, operation: OperationId) -> io::Result<()> {
        match fs::remove_file(self.path(operation)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
