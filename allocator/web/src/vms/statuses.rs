#[expect(unused_imports, reason = "names the body in the document")]
use std::collections::BTreeMap;

use axum::Json;
use lablink_core::vms;
use lablink_protocol::{Hostname, VmStatus, organisers::VmStatusBody};
use serde::{Serialize, Serializer};

use crate::{
    auth::Caller,
    http::{Problem, VmName},
};

/// All statuses by hostname; none at all is a 404, as the original's page expects.
#[utoipa::path(get, path = "", responses((status = 200, body = BTreeMap<String, VmStatus>)))]
pub async fn all(Caller(scope): Caller) -> Result<Json<Statuses>, Problem> {
    let statuses = vms::statuses(&scope).await?;
    if statuses.is_empty() {
        return Err(Problem::not_found("No VMs found."));
    }
    Ok(Json(Statuses(statuses)))
}

/// An object with a field for each VM.
pub struct Statuses(Vec<(Hostname, VmStatus)>);

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(hostname, status)| (hostname, status)))
    }
}

/// How far one VM has come.
#[utoipa::path(get, path = "", params(("hostname" = String, Path)), responses((status = 200, body = VmStatusBody)))]
pub async fn one(
    Caller(scope): Caller,
    VmName(hostname): VmName,
) -> Result<Json<VmStatusBody>, Problem> {
    let vm = vms::find(&scope, &hostname).await?.ok_or_else(VmName::unknown)?;
    Ok(Json(VmStatusBody { hostname: vm.hostname, status: vm.status }))
}
