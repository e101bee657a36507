//! Every URL with a parameter that a page, a redirect or an answer names.
//!
//! What a function takes is part of a URL as it is: hostnames, ids and tokens are made of letters that
//! need no encoding. Texts that people type are encoded here.

use std::fmt::Display;

use lablink_core::{Token, vms::State};
use lablink_protocol::ChannelTarget;

/// What the paths of pages begin with that a browser can listen to, see [`crate::live`].
pub const CLAIMS: &str = "/claims/";
pub const LINE: &str = "/line/";
pub const OPERATIONS: &str = "/admin/operations/";
pub const LOGS: &str = "/admin/logs/";

// Participants.

/// The claim's own page. The token in it is the right to see it.
pub fn claim(link: &Token) -> String {
    format!("{CLAIMS}{}", link.reveal())
}

/// To be posted to: another command for the claimed machine.
pub fn claim_command(link: &Token) -> String {
    format!("{CLAIMS}{}/command", link.reveal())
}

/// The page that asks before a machine is given back; to be posted to as well.
pub fn claim_return(link: &Token) -> String {
    format!("{CLAIMS}{}/return", link.reveal())
}

/// The page of a place in line. The token in it is the right to the place.
pub fn place(link: &Token) -> String {
    format!("{LINE}{}", link.reveal())
}

/// To be posted to: takes the machine that is kept for a place.
pub fn place_claim(link: &Token) -> String {
    format!("{LINE}{}/claim", link.reveal())
}

/// To be posted to: gives a place up.
pub fn place_leave(link: &Token) -> String {
    format!("{LINE}{}/leave", link.reveal())
}

/// The page with the claimed machine's desktop.
pub fn claim_desktop(link: &Token) -> String {
    format!("{CLAIMS}{}/desktop", link.reveal())
}

/// The WebSocket to the claimed machine's desktop.
pub fn claim_channel(link: &Token, target: ChannelTarget) -> String {
    format!("{CLAIMS}{}/channel/{}", link.reveal(), target.as_str())
}

// Channels.

/// Where an agent dials a channel.
pub fn agent_channel(id: &Token) -> String {
    format!("/api/agent/channels/{}", id.reveal())
}

/// Where another allocator brings the agent's end of a channel.
pub fn held_channel(id: &Token) -> String {
    format!("/api/channels/{}", id.reveal())
}

// VMs.

/// The VMs that are in a state.
pub fn vms_in(state: State) -> String {
    format!("/admin/instances?show={state}")
}

/// A page at `path` with a list of VMs, limited by these; empty ones are left out.
pub fn list(path: &str, limits: &[(&str, &str)]) -> String {
    format!("{path}?{}", parameters(limits).trim_start_matches('&'))
}

/// The page of one VM.
pub fn vm(hostname: impl Display) -> String {
    format!("/admin/vms/{hostname}")
}

/// The page that asks before something is done to a VM: `deed` is the last part of its path.
pub fn vm_deed(hostname: impl Display, deed: &str) -> String {
    format!("/admin/vms/{hostname}/{deed}")
}

/// To be posted to: `deed` is `release`, `replace`, `reboot`, `clean`, `allow` or `forget-host-key`.
pub fn do_to_vm(hostname: impl Display, deed: &str) -> String {
    format!("/api/vms/{hostname}/{deed}")
}

/// To be posted to: another install command for a registered machine.
pub fn machine_install(hostname: impl Display) -> String {
    format!("/admin/machines/{hostname}/install")
}

/// To be posted to: takes a registered machine out of the pool.
pub fn machine_forget(hostname: impl Display) -> String {
    format!("/admin/machines/{hostname}/forget")
}

/// The end of a VM's log.
pub fn log(hostname: impl Display) -> String {
    format!("{LOGS}{hostname}")
}

/// The lines before one. `level`: `error` for those that look like errors, or empty for all; an empty
/// `search` is none.
pub fn log_before(hostname: impl Display, line: i64, level: &str, search: &str) -> String {
    format!("{LOGS}{hostname}?before={line}{}", parameters(&[("search", search), ("level", level)]))
}

/// The lines that look like errors, of those with `search` in them.
pub fn log_errors(hostname: impl Display, search: &str) -> String {
    format!("{LOGS}{hostname}?level=error{}", parameters(&[("search", search)]))
}

/// What came after a line, for a page that is open.
pub fn log_lines(hostname: impl Display) -> String {
    format!("{LOGS}{hostname}/lines")
}

pub fn log_download(hostname: impl Display) -> String {
    format!("{LOGS}{hostname}/download")
}

/// The allocator's own log of one request.
pub fn own_log_of(request: &str) -> String {
    format!("/admin/log?request={}", encoded(request))
}

// Participants, for organisers.

/// The page with the claims before one.
pub fn participants_before(claim: impl Display) -> String {
    format!("/admin/participants?before={claim}")
}

/// Three ways to let the right person into a claim.
pub fn way_in(claim: impl Display) -> String {
    format!("/admin/claims/{claim}")
}

/// To be posted to: `way` is `link`, `lock-out` or `fresh-machine`.
pub fn take_way_in(claim: impl Display, way: &str) -> String {
    format!("/admin/claims/{claim}/{way}")
}

/// To be posted to.
pub fn place_remove(place: impl Display) -> String {
    format!("/api/places/{place}/remove")
}

// Operations and results.

/// The page with the operations before one; `kind` and `state`: empty for all.
pub fn operations_before(operation: impl Display, kind: &str, state: &str) -> String {
    let limits = parameters(&[("kind", kind), ("state", state)]);
    format!("/admin/operations?before={operation}{limits}")
}

/// The live page of an operation.
pub fn operation(id: impl Display) -> String {
    format!("{OPERATIONS}{id}")
}

/// The same, with the lines of its log before one.
pub fn operation_log_before(id: impl Display, line: i64) -> String {
    format!("{OPERATIONS}{id}?log_before={line}")
}

/// Its whole log as a file.
pub fn operation_log(id: impl Display) -> String {
    format!("{OPERATIONS}{id}/log")
}

/// The page that asks before a way out of a conflict is taken: `bring-back` or `give-up`.
pub fn way_out(id: impl Display, way: &str) -> String {
    format!("{OPERATIONS}{id}/{way}")
}

/// The operation as JSON.
pub fn operation_body(id: impl Display) -> String {
    format!("/api/operations/{id}")
}

/// To be posted to: `deed` is `cancel`, `retry`, `bring-back` or `give-up`.
pub fn do_to_operation(id: impl Display, deed: &str) -> String {
    format!("/api/operations/{id}/{deed}")
}

/// The page of results, with this VM ticked.
pub fn results_of(hostname: impl Display) -> String {
    format!("/admin/results?hostnames={hostname}")
}

/// The page with the collections before one.
pub fn results_before(collection: impl Display) -> String {
    format!("/admin/results?before={collection}")
}

pub fn archive_download(collection: impl Display) -> String {
    format!("/api/collections/{collection}/download")
}

/// To be posted to.
pub fn archive_discard(collection: impl Display) -> String {
    format!("/api/collections/{collection}/discard")
}

// Files.

/// A file that pages refer to: its URL changes with its content.
pub fn asset(name: &str, version: u64) -> String {
    format!("/assets/{name}?v={version:016x}")
}

/// One of the scripts of others, which pages import.
pub fn fetched(version: &str, path: &str) -> String {
    format!("/assets/fetched/{version}/{path}")
}

/// The script that installs the agent.
pub fn install_script(origin: &str) -> String {
    format!("{origin}/install")
}

/// The agent's program.
pub fn agent_program(origin: &str) -> String {
    format!("{origin}/install/lablink-client")
}

/// What a code of the doctor's means, and what to do.
pub fn doctor(code: impl Display) -> String {
    format!("/admin/doctor/{code}")
}

/// As further parameters of a URL; empty ones are left out.
fn parameters(named: &[(&str, &str)]) -> String {
    let given = named.iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| format!("&{name}={}", encoded(value))).collect()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests;
