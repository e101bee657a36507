//! The line as a program reads it.

use axum::http::StatusCode;

use crate::app::{App, With, get};

async fn come(app: &App, names: &str, invited_until: &str) {
    app.sql(&format!(
        "insert into place (pool_id, email, person, token_sha256, invited_until)
         select pool.id, name, name, sha256(convert_to(name, 'UTF8')), {invited_until}
         from pool, unnest('{{{names}}}'::text[]) as name"
    ))
    .await;
}

async fn leave(app: &App, names: &str) {
    app.sql(&format!(
        "update place set ended_at = now(), end_reason = 'left'
         where email = any('{{{names}}}'::text[])"
    ))
    .await;
}

#[tokio::test]
async fn everybody_in_line_is_listed_once_while_others_come_and_go() {
    const INVITED: &str = "now() + interval '1 hour'";
    let app = App::with_running(0).await;
    come(&app, "p1,p2,p3,p4,p5,p6", "null").await;
    come(&app, "i1,i2", INVITED).await;
    let mut seen = Vec::new();
    let mut path = "/api/places?limit=2".to_owned();
    for turn in 1.. {
        let page = app.call(get(&path).by_admin()).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let page = page.json();
        let places = page["places"].as_array().unwrap();
        seen.extend(places.iter().map(|place| place["email"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(places.len(), 2, "a page is full unless it is the last");
        path = format!("/api/places?limit=2&after={next}");
        match turn {
            // The one after whom the next page begins, and one who is served before all others.
            1 => {
                leave(&app, "i2").await;
                come(&app, "i3", INVITED).await;
            }
            2 => {
                leave(&app, "p1,p4").await;
                come(&app, "p7", "null").await;
            }
            _ => {}
        }
    }
    assert_eq!(seen, ["i1", "i2", "i3", "p1", "p2", "p3", "p5", "p6", "p7"]);
}

#[tokio::test]
async fn a_page_of_the_line_that_does_not_exist_is_refused() {
    let app = App::with_running(0).await;
    for query in ["after=7", "after=2.7", "after=1.x", "after=1.", "limit=0", "limit=1001"] {
        let refused = app.call(get(&format!("/api/places?{query}")).by_admin()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", refused.body);
    }
    let empty = app.call(get("/api/places?after=1.7").by_admin()).await;
    assert_eq!(empty.body, r#"{"places":[],"next":null}"#);
}
