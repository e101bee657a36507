//! The page of periodic tasks.

use askama::Template;
use axum::{extract::State, response::Html};
use jiff::Timestamp;
use lablink_core::tasks::Task;

use super::tasks_page::{TaskRow, TaskRun, TasksPage};
use crate::{AppState, http::Problem, pages::moment};

/// The periodic tasks of this allocator, with their last runs.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(State(state): State<AppState>) -> Result<Html<String>, Problem> {
    let rows = state.tasks.tasks().into_iter().map(row).collect();
    Ok(Html(TasksPage { rows, now: Timestamp::now() }.render()?))
}

fn row(task: Task) -> TaskRow {
    let seconds = i64::try_from(task.every.as_secs()).unwrap_or(i64::MAX);
    TaskRow {
        name: task.name,
        does: task.does,
        every: moment::roughly(&seconds),
        running_since: task.running_since,
        failures: task.failures,
        runs: task.runs,
        last: task.last.map(|run| TaskRun { at: run.began_at, outcome: run.outcome }),
    }
}
