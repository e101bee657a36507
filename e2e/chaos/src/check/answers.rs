//! Nobody sees an error of ours: of those there is only 503, which says when to come again. And no
//! log tells of a panic.

use std::collections::BTreeMap;

use super::Evidence;
use crate::history::{Answered, Call};

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut wrong: BTreeMap<(String, u16), Vec<&Call>> = BTreeMap::new();
    for call in &evidence.history.calls {
        if let Answered::Status { status, retry_after, .. } = &call.answer
            && *status >= 500
            && !(*status == 503 && *retry_after)
        {
            wrong.entry((route(&call.what), *status)).or_default().push(call);
        }
    }
    let mut found: Vec<String> = wrong
        .into_iter()
        .map(|((route, status), calls)| {
            let times: Vec<String> = calls.iter().take(5).map(|call| evidence.t(call.at)).collect();
            let body = match calls.first().map(|call| &call.answer) {
                Some(Answered::Status { body, .. }) => body.as_str(),
                _ => "",
            };
            let (count, times) = (calls.len(), times.join(", "));
            format!("{route} answered {status} {count} times, at {times}: {body}")
        })
        .collect();
    found.extend(evidence.panics.iter().map(|line| format!("a panic: {line}")));
    found
}

/// Without what differs from call to call.
fn route(what: &str) -> String {
    let parts: Vec<&str> = what
        .split('/')
        .map(|part| {
            let is_name = part.len() > 20 || part.chars().any(|c| c.is_ascii_digit());
            if is_name { "…" } else { part }
        })
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    #[test]
    fn refusals_and_an_honest_503_are_right() {
        let story = Story::default().call("GET /", 200, false).call("POST /line", 409, false);
        assert!(check(&story.call("GET /", 503, true).evidence()).is_empty());
    }

    #[test]
    fn other_errors_are_found_once_for_each_route() {
        let story = Story::default().call("GET /claims/k3y", 500, false);
        let story = story.call("GET /claims/0ther", 500, false).call("GET /", 503, false);
        assert_eq!(check(&story.evidence()).len(), 2);
    }

    #[test]
    fn a_panic_is_found() {
        let mut evidence = Story::default().evidence();
        evidence.panics.push("thread 'main' panicked at src/x.rs".to_owned());
        assert_eq!(check(&evidence).len(), 1);
    }
}
