use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use lablink_core::{
    Scope,
    operations::{self, LaunchError, OperationId},
    preflight::{Report, Wanted},
    vms,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    launch_page::{LaunchPage, PreflightPart},
    preflight::{self, MOST_HOURS},
};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Problem, Query, Wants},
    operations::started::{Started, StartedAnswers, started},
};

/// What was typed into the page when somebody asks what the cloud says.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Typed {
    /// How many VMs; absent: 1.
    num_vms: Option<String>,
    /// For how many hours, for the price.
    hours: Option<String>,
}

/// The page that asks how many. Where VMs come from a cloud it says what a launch would meet there.
#[utoipa::path(get, path = "", params(Typed), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(typed): Query<Typed>,
) -> Result<Html<String>, Problem> {
    let num_vms = typed.num_vms.map_or_else(|| "1".to_owned(), |text| text.trim().to_owned());
    let hours = typed.hours.unwrap_or_default().trim().to_owned();
    let wanted = wanted(&scope, &num_vms, &hours);
    let report = match &wanted {
        Ok(wanted) => preflight::look(&state, &scope, wanted).await?,
        Err(_) => None,
    };
    let filled = Filled { num_vms, hours, report, error: wanted.err() };
    Ok(Html(filled.render(&state, &scope).await?))
}

#[derive(Deserialize, ToSchema)]
pub struct LaunchForm {
    /// How many: at most `limits.max_vms`, which is 100 unless it is configured.
    /// A form sends text, JSON a number.
    #[schema(value_type = u32, minimum = 1, maximum = 100)]
    num_vms: Option<Value>,
    /// For how many hours, which the page tells the price of. It changes nothing else.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 8784)]
    hours: Option<Value>,
}

/// Queues the launch of some VMs. Refused, with what stands in its way, if it can't succeed in the
/// cloud.
#[utoipa::path(post, path = "", params(Started), request_body(content((LaunchForm = "application/x-www-form-urlencoded"), (LaunchForm = "application/json"))), responses(StartedAnswers))]
pub async fn launch(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    FormOrJson(form): FormOrJson<LaunchForm>,
) -> Result<Response, Problem> {
    let (num_vms, hours) = (text(form.num_vms), text(form.hours));
    let refused = match wanted(&scope, &num_vms, &hours) {
        Ok(wanted) => match begin(&state, &scope, &wanted).await? {
            Ok(id) => {
                return Ok(started(&state, &scope, wants, &started_as, id).await?.into_response());
            }
            Err(refused) => refused,
        },
        Err(message) => Refused { problem: Problem::invalid(message), report: None },
    };
    let Refused { problem, report } = refused;
    if wants == Wants::Json {
        return Err(problem);
    }
    let error = Some(problem.message().to_owned());
    let page = Filled { num_vms, hours, report, error }.render(&state, &scope).await?;
    Ok(problem.with_page(page))
}

/// Why nothing is launched.
struct Refused {
    problem: Problem,
    report: Option<Report>,
}

/// Asks the cloud first, and queues the launch if nothing stands in its way.
async fn begin(
    state: &AppState,
    scope: &Scope,
    wanted: &Wanted,
) -> Result<Result<OperationId, Refused>, Problem> {
    // The same form again: its machines may be what uses up the quota now.
    if let Some(id) = operations::launched_before(scope).await? {
        return Ok(Ok(id));
    }
    let report = preflight::look(state, scope, wanted).await?;
    if let Some(message) = report.as_ref().and_then(Report::refusal) {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "would_fail", message);
        return Ok(Err(Refused { problem, report }));
    }
    match operations::launch(scope, wanted.count).await {
        Ok(id) => Ok(Ok(id)),
        Err(error @ LaunchError::NoSource) => {
            Ok(Err(Refused { problem: Problem::invalid(error.to_string()), report }))
        }
        Err(LaunchError::Db(error)) => Err(error.into()),
    }
}

/// As somebody would type it.
fn text(value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    }
}

fn wanted(scope: &Scope, num_vms: &str, typed: &str) -> Result<Wanted, String> {
    let count = count(num_vms, scope.pool.rules().machines.most_per_launch)?;
    Ok(Wanted { count, hours: hours(typed)? })
}

fn hours(typed: &str) -> Result<Option<u32>, String> {
    match typed.parse() {
        _ if typed.is_empty() => Ok(None),
        Ok(hours @ 1..=MOST_HOURS) => Ok(Some(hours)),
        _ => Err(format!("Hours are a whole number from 1 to {MOST_HOURS}.")),
    }
}

/// The original's sentences, and a limit of ours.
fn count(typed: &str, max: u32) -> Result<u32, String> {
    if typed.is_empty() {
        return Err("Number of VMs is required.".to_owned());
    }
    match typed.parse::<i64>() {
        Err(_) => Err("Invalid number of VMs. Please enter a valid integer.".to_owned()),
        Ok(..1) => Err("Number of VMs must be greater than 0.".to_owned()),
        Ok(count) => match u32::try_from(count) {
            Ok(count) if count <= max => Ok(count),
            _ => Err(format!("Ask for at most {max} VMs at a time (limits.max_vms).")),
        },
    }
}

/// The page as it was filled in.
struct Filled {
    num_vms: String,
    hours: String,
    report: Option<Report>,
    error: Option<String>,
}

impl Filled {
    async fn render(self, state: &AppState, scope: &Scope) -> Result<String, Problem> {
        let Self { num_vms, hours, report, error } = self;
        let rules = scope.pool.rules();
        let machines = &rules.machines;
        let page = LaunchPage {
            num_vms,
            max: i64::from(machines.most_per_launch),
            existing: vms::counts(scope).await?.all(),
            machine: machines.launched_from.map(|_| machines.description.clone()),
            preflight: state.preflight.is_some().then_some(PreflightPart { hours, report }),
            error,
        };
        Ok(page.render()?)
    }
}

#[cfg(test)]
mod tests {
    use super::{count, hours};

    #[test]
    fn takes_whole_numbers_from_one_to_the_limit() {
        assert_eq!(count("3", 100), Ok(3));
        assert!(count("", 100).unwrap_err().contains("required"));
        assert!(count("0", 100).unwrap_err().contains("greater than 0"));
        assert!(count("-2", 100).unwrap_err().contains("greater than 0"));
        assert!(count("2.5", 100).unwrap_err().contains("valid integer"));
        assert!(count("101", 100).unwrap_err().contains("at most 100"));
        assert!(count("99999999999", 100).unwrap_err().contains("at most 100"));
    }

    #[test]
    fn hours_may_be_left_out() {
        assert_eq!((hours(""), hours("3")), (Ok(None), Ok(Some(3))));
        for typed in ["0", "-1", "1.5", "x", "8785"] {
            assert!(hours(typed).is_err(), "{typed}");
        }
    }
}
