use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use lablink_core::{
    DbError, Token,
    admissions::{self, Known},
};

use crate::{
    AppState,
    attempts::{Browser, ComesFrom, Found, NoLogin, cookie, token_of},
    http::{Client, Problem, Wants},
};

/// Logs in the user of these credentials, and gives their browser a cookie. A known browser gets in
/// even when others at its address have used up all guesses.
pub(super) async fn log_in(
    state: &AppState,
    credentials: &str,
    client: &Client,
    headers: &HeaderMap,
) -> Result<Option<(String, CookieJar)>, Problem> {
    let token = token_of(&CookieJar::from_headers(headers));
    let known = Known::AdminPassword;
    let mut answer = state.admin.verify(credentials, ComesFrom::Address(client.address)).await;
    if let (Err(NoLogin::TooMany(_)), Some(token)) = (&answer, &token)
        && admissions::has(&state.db, token, known).await.unwrap_or_else(|error| {
            without_database(&error);
            false
        })
    {
        answer = state.admin.verify(credentials, ComesFrom::Known(Browser::of(token))).await;
    }
    let login = match answer {
        Ok(login) => login,
        Err(NoLogin::Wrong) => return Ok(None),
        Err(NoLogin::TooMany(wait)) => return Err(too_many(wait)),
        Err(NoLogin::Busy) => {
            let message = "Many try to log in at this moment. Try again.";
            return Err(Problem::try_again("busy", message, 2));
        }
    };
    let mut cookies = CookieJar::default();
    if login.found == Found::Verified && Wants::of(headers) == Wants::Page {
        let token = token.unwrap_or_else(|| {
            let token = Token::random();
            cookies = CookieJar::default().add(cookie(&token, client.scheme));
            token
        });
        if let Err(error) = admissions::record(&state.db, &token, known).await {
            without_database(&error);
        }
    }
    Ok(Some((login.user, cookies)))
}

/// Logging in goes without a database: some pages tell what is wrong with it.
fn without_database(error: &DbError) {
    tracing::warn!(error = error as &dyn std::error::Error, "who logs in here is known only now");
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u16::try_from(wait.as_secs() + 1).unwrap_or(u16::MAX);
    Problem::too_many(
        "Too many wrong passwords came from your network, so yours was not looked at. Wait a \
         minute, then try again; a browser that was logged in before gets in at once.",
        seconds,
    )
}
