use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use lablink_protocol::{ErrorBody, TOKEN_DUE};

use super::Wants;
use crate::pages::ErrorPage;

/// An error on its way to the caller: a status, a stable word for programs, a sentence for people.
/// [`render`] makes it a page or JSON.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_seconds: Option<u16>,
    /// Where a browser goes on; none: the start page.
    form: Option<String>,
}

/// The rest of a body did not come.
#[derive(Debug, thiserror::Error)]
#[error("The rest of the request did not come in time. Send it again.")]
pub(crate) struct BodyStalled;

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_seconds: None, form: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "missing", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Log in first: this needs a user name and password, or a VM's agent token.",
        )
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "These credentials don't allow that.")
    }

    /// To an agent whose VM's claim has ended or changed hands.
    pub fn token_due() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            TOKEN_DUE,
            "The VM's claim has ended or changed hands: take a new token first, by POST \
             /api/agent/token.",
        )
    }

    pub fn try_again(code: &'static str, message: impl Into<String>, seconds: u16) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }

    pub fn too_many(message: impl Into<String>, seconds: u16) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        }
    }

    /// A body that could not be read, in the words of what read it.
    pub fn unread(
        status: StatusCode,
        code: &'static str,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        match causes.find_map(|cause| cause.downcast_ref::<BodyStalled>()) {
            Some(stalled) => Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", stalled.to_string()),
            None => Self::new(status, code, error.to_string()),
        }
    }

    /// Something that should not happen. The cause goes to the log, here and only here.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. Try again; if it stays so, tell your organiser the request id.",
        )
    }

    /// Whether the same request may succeed in a moment.
    pub fn passes(&self) -> bool {
        self.retry_after_seconds.is_some()
    }

    /// If an answer is a problem, sends its reader back to the page of the form that was sent.
    pub fn send_back(answer: &mut Response, form: String) {
        if let Some(problem) = answer.extensions_mut().get_mut::<Self>() {
            problem.form = Some(form);
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// What is said to people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same status with a page of its own, such as the form that was sent.
    pub fn with_page(self, html: String) -> Response {
        (self.status, self.headers(), Html(html)).into_response()
    }

    fn title(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "Please log in",
            403 => "Not allowed",
            404 => "Not here",
            503 => "One moment",
            500.. => "Something went wrong",
            _ => "That didn’t work",
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"LabLink\", charset=\"UTF-8\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        headers
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.headers()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turns every [`Problem`] into a page for a browser, or JSON for a program.
pub(crate) fn render(mut response: Response, wants: Wants, request_id: &str) -> Response {
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = match problem {
        Some(problem) => problem,
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            response.status(),
            "method_not_allowed",
            "This address takes another method.",
        ),
        None => return response,
    };
    let body = match wants {
        Wants::Page => page(&problem, request_id.to_owned()),
        Wants::Json => {
            let body = ErrorBody {
                error: problem.message,
                code: problem.code.to_owned(),
                request_id: request_id.to_owned(),
            };
            axum::Json(body).into_response()
        }
    };
    let (mut parts, _) = response.into_parts();
    let (body_parts, body) = body.into_parts();
    parts.headers.extend(body_parts.headers);
    Response::from_parts(parts, body)
}

fn page(problem: &Problem, request_id: String) -> Response {
    let page = ErrorPage {
        status: problem.status.as_u16(),
        title: problem.title().to_owned(),
        message: problem.message.clone(),
        form: problem.form.clone(),
        request_id,
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(_unrenderable) => problem.message.clone().into_response(),
    }
}
