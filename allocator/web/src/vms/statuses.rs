use std::collections::BTreeMap;

use axum::Json;
use lablink_core::vms;
use lablink_protocol::{Hostname, VmStatus};

use super::wire::VmStatusBody;
use crate::{
    auth::Caller,
    http::{Problem, VmName},
};

/// All statuses by hostname; none at all is a 404, as the original's page expects.
#[utoipa::path(get, path = "", responses((status = 200, body = BTreeMap<String, VmStatus>)))]
pub async fn all(Caller(scope): Caller) -> Result<Json<BTreeMap<Hostname, VmStatus>>, Problem> {
    let vms = vms::list(&scope).await?;
    if vms.is_empty() {
        return Err(Problem::not_found("No VMs found."));
    }
    Ok(Json(vms.into_iter().map(|vm| (vm.hostname, vm.status)).collect()))
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
