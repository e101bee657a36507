use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::{Finding, Roots};

const ANSWER: Duration = Duration::from_secs(10);

/// The body of a refusal of LabLink's.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Whether an allocator answers there, and can do its work.
pub async fn ready(url: &Url, roots: &Roots) -> Finding {
    let Ok(target) = url.join("/readyz") else {
        return Finding::broken(format!("{url} is no URL to call."), "Correct it.");
    };
    let answer = match client(roots) {
        Ok(client) => client.get(target).send().await.map_err(|error| innermost(&error)),
        Err(reason) => Err(reason),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            return Finding::broken(
                format!("There is no answer: {reason}."),
                "Read the log of the proxy and of the allocator.",
            );
        }
    };
    let status = answer.status();
    let body = answer.text().await.unwrap_or_default();
    let refusal: Option<Refusal> = serde_json::from_str(&body).ok();
    match (status, refusal) {
        (StatusCode::OK, _) if body.contains("\"ready\"") => {
            Finding::well("The allocator is ready.")
        }
        (StatusCode::SERVICE_UNAVAILABLE, Some(refusal)) => Finding::broken(
            format!("The allocator answers, and is not ready: {}", refusal.error),
            "Its own report, on its page /admin/doctor, says what it lacks.",
        ),
        (
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT,
            None,
        ) => Finding::broken(
            format!("The proxy answers {status}: behind it is no allocator."),
            "Read the allocator's log: it does not start, or not yet.",
        ),
        _ => Finding::broken(
            format!("What answers ({status}) is no LabLink."),
            "Look where the name and the port lead to, and what else runs there.",
        ),
    }
}

pub(crate) fn client(roots: &Roots) -> Result<Client, String> {
    let config = roots.config().map_err(|error| error.to_string())?;
    let builder = Client::builder().timeout(ANSWER).no_proxy().tls_backend_preconfigured(config);
    builder.build().map_err(|error| innermost(&error))
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
