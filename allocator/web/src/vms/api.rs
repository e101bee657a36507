//! VMs as JSON, for organisers' scripts.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use lablink_core::{
    agents,
    claims::{self, ReleaseReason},
    operations::{self, OperationId, OperationState, TakeBack, Whose},
    ssh,
    vms::{self, Place, Selection},
};
use lablink_protocol::{
    Hostname,
    organisers::{Queued, VmBody, VmList},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{listing::Shown, wire::vm_body};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Page, Problem, Query, VmName, Wants},
    links,
    operations::{find::ended, started::queued},
    wire::Message,
};

/// The VMs of the pool, by number; or some of them, or in another order.
#[utoipa::path(get, path = "", params(Shown, Page), responses((status = 200, body = VmList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(shown): Query<Shown>,
    Query(page): Query<Page>,
) -> Result<Json<VmList>, Problem> {
    let place = page.after()?.map_or(Place::Start, Place::After);
    let page = vms::page(&scope, &shown.view()?, &place, page.limit()?).await?;
    let vms = page.vms.iter().map(vm_body).collect();
    Ok(Json(VmList { vms, next: page.next.map(|cursor| cursor.to_string()) }))
}

/// One VM.
#[utoipa::path(get, path = "", params(("hostname" = String, Path)), responses((status = 200, body = VmBody)))]
pub async fn one(Caller(scope): Caller, VmName(hostname): VmName) -> Result<Json<VmBody>, Problem> {
    let vm = vms::find(&scope, &hostname).await?;
    Ok(Json(vm_body(&vm.ok_or_else(VmName::unknown)?)))
}

/// Queues the removal of one VM; or takes a registered machine out of the pool.
#[utoipa::path(delete, path = "", params(("hostname" = String, Path)), responses((status = 200, description = "Out of the pool.", body = Released), (status = 202, body = Queued)))]
pub async fn delete(Asking(scope): Asking, VmName(hostname): VmName) -> Result<Response, Problem> {
    // A machine that LabLink did not make only leaves the pool, at once.
    if vms::forget(&scope, &hostname).await? {
        return Ok(Json(Released { hostname }).into_response());
    }
    let selection = Selection::These(vec![hostname]);
    Ok(queued(Wants::Json, operations::destroy(&scope, &selection).await?))
}

#[derive(Deserialize, ToSchema)]
pub struct Release {
    #[serde(default)]
    then: Then,
}

/// What becomes of a VM that its participant no longer has.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Then {
    /// A fresh one takes its place: nobody meets a stranger's files. A machine that LabLink did
    /// not make follows `manual.after_use`.
    #[default]
    Replace,
    /// It goes back to the pool as it is.
    Reuse,
}

/// The VM that is free again.
#[derive(Serialize, ToSchema)]
pub struct Released {
    hostname: Hostname,
}

/// Takes a VM back from its participant.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)),
    request_body(content((Release = "application/x-www-form-urlencoded"), (Release = "application/json"))),
    responses((status = 200, description = "Free again as it is; or, of a machine that LabLink did not make, whatever `manual.after_use` says.", body = Released), (status = 202, description = "A fresh one takes its place.", body = Queued)))]
pub async fn release(
    Asking(scope): Asking,
    wants: Wants,
    VmName(hostname): VmName,
    FormOrJson(Release { then }): FormOrJson<Release>,
) -> Result<Response, Problem> {
    let wish = TakeBack {
        hostname: &hostname,
        whose: Whose::Anybodys,
        reason: ReleaseReason::Released,
        then: match then {
            Then::Replace => operations::Then::Replace,
            Then::Reuse => operations::Then::Reuse,
        },
    };
    let queued_as = operations::take_back(&scope, &wish).await?;
    Ok(match queued_as {
        Some(id) => queued(wants, id),
        None => done(wants, &hostname, Released { hostname: hostname.clone() }),
    })
}

/// Has the agent of a registered machine clean it again, which failed before.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)),
    responses((status = 200, body = Message), (status = 303, description = "To a browser: the VM's page.")))]
pub async fn clean(
    Asking(scope): Asking,
    wants: Wants,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    claims::clean_again(&scope, &hostname).await?;
    Ok(done(wants, &hostname, Message::new("The machine is cleaned again.")))
}

/// Lets a VM be claimed again that is barred because a dead token of its agent was shown.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)),
    responses((status = 200, body = Message), (status = 303, description = "To a browser: the VM's page.")))]
pub async fn allow(
    Asking(scope): Asking,
    wants: Wants,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    agents::lift_bar(&scope, &hostname).await?;
    Ok(done(wants, &hostname, Message::new("The machine can be claimed again.")))
}

/// The VM has been rebooted.
#[derive(Serialize, ToSchema)]
pub struct Rebooted {
    message: &'static str,
    #[schema(value_type = i64)]
    operation_id: OperationId,
}

/// How long a program waits for a reboot: less than what load balancers allow.
const REBOOT: Duration = Duration::from_secs(50);

/// Starts the VM again, with its files and its claim as they are.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)),
    responses((status = 200, body = Rebooted), (status = 202, body = Queued, description = "It has not ended within 50 s: another operation is about this VM."), (status = 303, description = "To a browser: the operation's page.")))]
pub async fn reboot(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    let kinds = &state.kinds;
    let id = operations::reboot(&scope, kinds, &hostname).await?;
    if wants == Wants::Page {
        return Ok(queued(wants, id));
    }
    let Ok(ended) = tokio::time::timeout(REBOOT, ended(&state, &scope, id)).await else {
        return Ok(queued(wants, id));
    };
    let operation = ended?;
    if operation.state != OperationState::Succeeded {
        let reason = operation.reason.unwrap_or_else(|| format!("{hostname} was not rebooted."));
        return Err(Problem::conflict("reboot_failed", reason));
    }
    Ok(Json(Rebooted { message: "VM reboots.", operation_id: id }).into_response())
}

/// The SSH host key of the VM's next contact counts as the first: for a machine that was
/// installed anew.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)),
    responses((status = 200, body = Message), (status = 303, description = "To a browser: the VM's page.")))]
pub async fn forget_host_key(
    Asking(scope): Asking,
    wants: Wants,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    if !ssh::forget_host_key(&scope, &hostname).await? {
        return Err(Problem::not_found("There is no host key of a VM of this name."));
    }
    Ok(done(wants, &hostname, Message::new("The host key was forgotten.")))
}

/// A browser sees the VM again, a program reads `body`.
fn done(wants: Wants, hostname: &Hostname, body: impl Serialize) -> Response {
    match wants {
        Wants::Page => Redirect::to(&links::vm(hostname)).into_response(),
        Wants::Json => Json(body).into_response(),
    }
}
