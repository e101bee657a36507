use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use lablink_protocol::organisers::{CollectedBody, CollectionBody, CollectionList, Queued};
use serde_json::json;

use super::operation;
use crate::{
    output::Output,
    server::{Connection, Server, asking, download},
};

#[derive(Debug, Args)]
#[command(after_help = "\
A download that was cut off goes on where it was, in this run or with --again in a later one.

Example:
  lablink collect
  lablink collect lablink-vm-prod-3 --extension .slp --into results/")]
pub struct Collect {
    /// Of these VMs; of all, without any.
    hostnames: Vec<String>,
    /// The ending of the files; without it, the configured one.
    #[arg(long)]
    extension: Option<String>,
    /// The folder for the archive.
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
    /// Downloads what this operation has collected, instead of collecting anew.
    #[arg(long, value_name = "OPERATION", conflicts_with_all = ["hostnames", "extension"])]
    again: Option<i64>,
}

impl Collect {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        let id = match self.again {
            Some(id) => id,
            None => {
                let wish = json!({ "hostnames": self.hostnames, "extension": self.extension });
                let queued: Queued = server.post("/api/collections", &wish).await?;
                // One that ended badly may have collected something.
                operation::follow(&server, output, queued.operation_id).await?;
                queued.operation_id
            }
        };
        let collection = find(&server, id).await?;
        let Some(archive) = &collection.archive else {
            let failures: Vec<_> = collection.vms.iter().filter_map(failure).collect();
            bail!("no file came, so there is no archive. {}", failures.join("; "));
        };
        let size = u64::try_from(archive.size_bytes)?;
        // A name, and never a path.
        let name = PathBuf::from(&archive.file_name);
        let name = name.file_name().context("the archive has no name")?;
        let file = self.into.join(name);
        let how_to_go_on = || format!("the rest comes with `lablink collect --again {id}`");
        let progress = output.progress("Downloading");
        let got = download(&server, &archive.url, &file, size, |done| progress.weighs(done, size));
        got.await.with_context(how_to_go_on)?;
        drop(progress);
        let told = json!({ "file": file, "collection": collection });
        output.answer(&told, |_| format!("{}: {size} bytes", file.display()))?;
        let failures: Vec<_> = collection.vms.iter().filter_map(failure).collect();
        if failures.is_empty() { Ok(()) } else { bail!("not all came: {}", failures.join("; ")) }
    }
}

fn failure(vm: &CollectedBody) -> Option<String> {
    Some(format!("{}: {}", vm.hostname, vm.failure.as_ref()?))
}

async fn find(server: &Server, id: i64) -> Result<CollectionBody> {
    // The newest before the one that comes after it: itself.
    let before = (id + 1).to_string();
    let list: CollectionList =
        server.get(&asking("/api/collections", &[("before", Some(&before))])).await?;
    let found = list.collections.into_iter().find(|it| it.operation_id == id);
    found.with_context(|| format!("operation {id} collected nothing"))
}
