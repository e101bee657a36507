use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use lablink_core::{
    Scope,
    operations::{self, LaunchError},
    vms,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::launch_page::LaunchPage;
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Problem, Query, Wants},
    operations::started::{Started, StartedAnswers, started},
};

/// The page that asks how many.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(Caller(scope): Caller) -> Result<Html<String>, Problem> {
    Ok(Html(filled(&scope, "1".to_owned(), None).await?))
}

#[derive(Deserialize, ToSchema)]
pub struct LaunchForm {
    /// How many: at most `limits.max_vms`, which is 100 unless it is configured.
    /// A form sends text, JSON a number.
    #[schema(value_type = u32, minimum = 1, maximum = 100)]
    num_vms: Option<Value>,
}

/// Queues the launch of some VMs.
#[utoipa::path(post, path = "", params(Started), request_body(content((LaunchForm = "application/x-www-form-urlencoded"), (LaunchForm = "application/json"))), responses(StartedAnswers))]
pub async fn launch(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    FormOrJson(form): FormOrJson<LaunchForm>,
) -> Result<Response, Problem> {
    let typed = match form.num_vms {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    };
    let most = scope.pool.rules.machines.most_per_launch;
    let asked = match count(&typed, most) {
        Ok(count) => match operations::launch(&scope, count).await {
            Ok(id) => Ok(id),
            Err(error @ LaunchError::NoSource) => Err(error.to_string()),
            Err(LaunchError::Db(error)) => return Err(error.into()),
        },
        Err(message) => Err(message),
    };
    let id = match asked {
        Ok(id) => id,
        Err(message) if wants == Wants::Page => {
            let page = filled(&scope, typed, Some(message.clone())).await?;
            return Ok(Problem::invalid(message).with_page(page));
        }
        Err(message) => return Err(Problem::invalid(message)),
    };
    Ok(started(&state, &scope, wants, &started_as, id).await?.into_response())
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

async fn filled(scope: &Scope, num_vms: String, error: Option<String>) -> Result<String, Problem> {
    let machines = &scope.pool.rules.machines;
    let page = LaunchPage {
        num_vms,
        max: i64::from(machines.most_per_launch),
        existing: vms::counts(scope).await?.all(),
        machine: machines.launched_from.map(|_| machines.description.clone()),
        error,
    };
    Ok(page.render()?)
}

#[cfg(test)]
mod tests {
    use super::count;

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
}
