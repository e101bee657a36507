use std::collections::BTreeSet;

use anyhow::Result;
use lablink_protocol::organisers::{ClaimList, CollectionList};

use crate::{
    output::{Output, table},
    server::Server,
};

/// Shows who would lose what. An allocator that does not answer is no reason to stop, and is told.
pub async fn show(server: &Server, output: &Output) {
    match read(server).await {
        Ok(text) => output.note(&text),
        Err(error) => output.note(&format!(
            "Who has a machine, and which results did not come home, is unknown: {error:#}"
        )),
    }
}

async fn read(server: &Server) -> Result<String> {
    let claims: ClaimList = server.get("/api/claims?open=true").await?;
    let collections: CollectionList = server.get("/api/collections").await?;
    // Home is what was downloaded whole.
    let home: BTreeSet<&str> = collections
        .collections
        .iter()
        .filter(|it| it.archive.as_ref().is_some_and(|archive| archive.downloaded_at.is_some()))
        .flat_map(|it| it.vms.iter().filter(|vm| vm.failure.is_none()))
        .map(|vm| vm.hostname.as_str())
        .collect();
    if claims.claims.is_empty() {
        return Ok("Nobody has a machine.".to_owned());
    }
    let rows = claims.claims.iter().map(|claim| {
        let results = if home.contains(claim.hostname.as_str()) { "came home" } else { "NOT HOME" };
        [claim.hostname.to_string(), claim.email.clone(), results.to_owned()]
    });
    let more = claims.next.map_or("", |_| "\n… and more");
    let text = table(["VM", "PARTICIPANT", "RESULTS"], rows);
    Ok(format!("Open claims:\n{text}{more}\n`lablink collect` brings results home."))
}
