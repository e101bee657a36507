use std::time::Duration;

use tokio::time::Instant;

use super::{Claims, News};
use crate::allocator::{Api, backoff::Backoff, retry::Trouble};

/// An answer without news that comes sooner than this does not come from a waiting allocator.
const TOO_SOON: Duration = Duration::from_secs(1);

/// Waits for claims, for ever. Nothing on the way from an answer to the next question sleeps.
pub async fn for_claims(api: &Api, claims: &mut Claims) {
    let mut trouble = Trouble::new("waiting for a claim");
    let mut failures = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
    let mut early_ends = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));
    loop {
        let asked = Instant::now();
        let question = claims.question();
        let answer = tokio::select! {
            answer = api.wait(&question) => answer,
            // It may be asked for again, which this question rules out.
            () = claims.cleaning_over() => continue,
        };
        let answer = match answer {
            Err(refusal) if refusal.is_token_due() => api.take_new_token().await.map(|()| None),
            answer => answer,
        };
        let news = match answer {
            Ok(Some(answer)) => claims.take(answer),
            Ok(None) => News::None,
            Err(error) => {
                trouble.goes_on(&error);
                tokio::time::sleep(failures.pause_of_at_least(error.retry_after())).await;
                continue;
            }
        };
        trouble.is_over();
        failures.reset();
        match news {
            // Asking again at once would become a storm of questions.
            News::None if asked.elapsed() < TOO_SOON => {
                tokio::time::sleep(early_ends.pause()).await;
            }
            News::None | News::Some => early_ends.reset(),
        }
    }
}
