//! What AWS says of a launch before it is made.

use axum::{Json, extract::State};
use lablink_core::{
    Scope,
    preflight::{Question, Report, Verdict, Wanted},
};
use lablink_protocol::organisers::{FindingBody, PreflightBody};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{AppState, auth::Caller, http::Problem, http::Query};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// How many VMs: at most `limits.max_vms`.
    #[serde(default = "one")]
    #[param(minimum = 1, default = 1)]
    count: u32,
    /// For how many hours, for the price.
    #[param(minimum = 1, maximum = 8784)]
    hours: Option<u32>,
}

fn one() -> u32 {
    1
}

/// The most hours that a price is told for: a year.
pub const MOST_HOURS: u32 = 366 * 24;

/// Asks AWS what a launch would meet: offer, GPU, image, quota, rights and price. It takes less than
/// five seconds. Where VMs don't come from a cloud, nothing is found.
#[utoipa::path(get, path = "", params(Asked), responses((status = 200, body = PreflightBody)))]
pub async fn report(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(Asked { count, hours }): Query<Asked>,
) -> Result<Json<PreflightBody>, Problem> {
    let most = scope.pool.rules().machines.most_per_launch;
    if count == 0 || count > most {
        return Err(Problem::invalid(format!("count: from 1 to {most} (limits.max_vms).")));
    }
    if hours.is_some_and(|hours| hours == 0 || hours > MOST_HOURS) {
        return Err(Problem::invalid(format!("hours: from 1 to {MOST_HOURS}.")));
    }
    let report = look(&state, &scope, &Wanted { count, hours }).await?;
    Ok(Json(match report {
        Some(report) => preflight_body(report),
        // There is nobody to ask.
        None => PreflightBody {
            can_launch: scope.pool.rules().machines.launched_from.is_some(),
            gpu_support: None,
            fits: None,
            findings: Vec::new(),
            quota_request: None,
        },
    }))
}

/// What a launch would meet. None: its machines come from no cloud.
pub async fn look(
    state: &AppState,
    scope: &Scope,
    wanted: &Wanted,
) -> Result<Option<Report>, Problem> {
    match &state.preflight {
        Some(preflight) => Ok(Some(preflight.report(scope, wanted).await?)),
        None => Ok(None),
    }
}

fn preflight_body(report: Report) -> PreflightBody {
    PreflightBody {
        can_launch: report.refusal().is_none(),
        gpu_support: report.gpu_support,
        fits: report.fits,
        findings: report
            .findings
            .into_iter()
            .map(|finding| FindingBody {
                question: question(finding.question).to_owned(),
                verdict: verdict(finding.verdict).to_owned(),
                text: finding.text,
            })
            .collect(),
        quota_request: report.quota_request,
    }
}

fn question(question: Question) -> &'static str {
    match question {
        Question::Login => "login",
        Question::Offer => "offer",
        Question::Gpu => "gpu",
        Question::Others => "other_types",
        Question::Image => "image",
        Question::Quota => "quota",
        Question::Rights => "rights",
        Question::Price => "price",
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Unknown => "unknown",
        Verdict::Stops => "stops",
    }
}
